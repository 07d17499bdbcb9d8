import { readFileSync, mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CfnStack, Fn, Stack, Token, Tokenization } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { ArautoOutputs, ArautoParameters } from './parameters';

export { ArautoOutputs, ArautoParameters } from './parameters';

/** What a release is deployed with. */
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
 * Zips and nested templates become assets, and so does the template, with their places in it. It is still one of SAM, which
 * CloudFormation expands as it deploys; translated before, it could no longer be told DeploymentType.
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
      (_, indent: string, property: string, file: string) => `${indent}${property}: ${this.place(release, file)}`,
    );
    this.stack = new CfnStack(this, 'Stack', {
      templateUrl: this.asset('Template', template).httpUrl,
      parameters: texts(props.parameters ?? {}),
    });
  }

  /** An output of the stack, as a token. One that is there on a condition fails the deployment where the condition does not hold. */
  public output(name: keyof ArautoOutputs): string {
    return this.stack.getAtt(`Outputs.${name}`).toString();
  }

  /** Where a file of the release lies once it is an asset, as YAML. */
  private place(release: string, file: string): string {
    const asset = new Asset(this, file, { path: join(release, file) });
    const place = file.endsWith('.zip') ? { Bucket: asset.s3BucketName, Key: asset.s3ObjectKey } : asset.httpUrl;
    const resolved = JSON.stringify(Stack.of(this).resolve(place));
    // The template is an asset too, and a parameter of the stack above means nothing in it.
    if (/"Ref":"(?!AWS::)/.test(resolved)) {
      throw new Error("The stack's synthesizer passes the places of assets as parameters; use DefaultStackSynthesizer");
    }
    return resolved;
  }

  private asset(id: string, text: string): Asset {
    const folder = mkdtempSync(join(tmpdir(), 'arauto-'));
    try {
      const path = join(folder, 'template.yaml');
      writeFileSync(path, text);
      // Copied into the assembly here.
      return new Asset(this, id, { path });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

/** Parameters as CloudFormation takes them. */
function texts(parameters: ArautoParameters): Record<string, string> {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, text(value)]));
}

function text(value: string | number | boolean | readonly string[]): string {
  if (Array.isArray(value)) return Token.isUnresolved(value) ? Fn.join(',', value as string[]) : value.join(',');
  return typeof value === 'number' ? Tokenization.stringifyNumber(value) : String(value);
}
