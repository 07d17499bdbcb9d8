import { readFileSync, mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CfnStack, Fn, Stack, Token, Tokenization } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { ArautoOutputs, ArautoParameters } from './parameters';

export { ArautoOutputs, ArautoParameters } from './parameters';

/** Properties of the construct. */
export interface ArautoProps {
  /** Folder of an unpacked release: dist/. */
  readonly release: string;
  /** Processor of the functions, which chooses the template. Default: arm64. */
  readonly architecture?: 'arm64' | 'x86_64';
  /** Parameters of the stack, by the names of docs/configuration.md. */
  readonly parameters?: ArautoParameters;
}

/**
 * A release of Arauto as a nested stack.
 *
 * The zips, the nested templates and the template itself become assets; the template refers to the others. It stays a SAM template,
 * which CloudFormation expands during the deployment: a template translated beforehand could no longer take DeploymentType.
 */
export class Arauto extends Construct {
  /** The nested stack. */
  public readonly stack: CfnStack;

  constructor(scope: Construct, id: string, props: ArautoProps) {
    super(scope, id);
    const { release } = props;
    const path = join(release, `template-${props.architecture ?? 'arm64'}.yaml`);
    if (!existsSync(path)) {
      throw new Error(`${path} is missing: name the folder of a release, and a processor that it has`);
    }
    const template = readFileSync(path, 'utf8').replace(
      /^( +)(CodeUri|TemplateURL): (\S+)$/gm,
      (_, indent: string, property: string, file: string) => `${indent}${property}: ${this.location(release, file)}`,
    );
    this.stack = new CfnStack(this, 'Stack', {
      templateUrl: this.templateAsset(template).httpUrl,
      parameters: parameterValues(props.parameters ?? {}),
    });
  }

  /** An output of the stack, as a token. The deployment fails if the output has a condition that does not hold. */
  public output(name: keyof ArautoOutputs): string {
    return this.stack.getAtt(`Outputs.${name}`).toString();
  }

  /** Makes an asset of a file of the release, and returns its location as YAML. */
  private location(release: string, file: string): string {
    const asset = new Asset(this, file, { path: join(release, file) });
    const location = file.endsWith('.zip') ? { Bucket: asset.s3BucketName, Key: asset.s3ObjectKey } : asset.httpUrl;
    const resolved = JSON.stringify(Stack.of(this).resolve(location));
    // The template is an asset too, so it cannot refer to a parameter of the parent stack.
    if (/"Ref":"(?!AWS::)/.test(resolved)) {
      throw new Error("The stack's synthesizer passes asset locations as parameters; use DefaultStackSynthesizer");
    }
    return resolved;
  }

  private templateAsset(text: string): Asset {
    const folder = mkdtempSync(join(tmpdir(), 'arauto-'));
    try {
      const path = join(folder, 'template.yaml');
      writeFileSync(path, text);
      // The constructor copies the file into the assembly.
      return new Asset(this, 'Template', { path });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

/** Parameter values as CloudFormation takes them: text. */
function parameterValues(parameters: ArautoParameters): Record<string, string> {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, toText(value)]));
}

function toText(value: string | number | boolean | readonly string[]): string {
  if (Array.isArray(value)) return Token.isUnresolved(value) ? Fn.join(',', value as string[]) : value.join(',');
  return typeof value === 'number' ? Tokenization.stringifyNumber(value) : String(value);
}
