//! What a deployment takes from the checkout beside the code: settings that make a version, stages, the stack policy, pins.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::process::Command;

use platform::sha256_hex;
use regex_lite::Regex;
use serde_json::Value;
use tests::contract::file;
use tests::template::{Template, resources, templates};

fn text(path: &str) -> String {
    read_to_string(file(path).unwrap()).unwrap()
}

/// All names in a value, whatever they name: `!Sub "${A.Arn}:*"` holds `A`, `Arn`.
fn names(value: &Value) -> BTreeSet<String> {
    let name = Regex::new("[A-Za-z0-9]+").unwrap();
    name.find_iter(&value.to_string()).map(|found| found.as_str().to_owned()).collect()
}

#[test]
fn whatever_a_function_is_deployed_with_changes_the_settings_that_make_a_new_version() {
    let template = Template::stack().unwrap();
    let (resources, parameters) = (template.resources(), template.section("Parameters"));
    let conditions = template.section("Conditions");
    let settings = names(&resources["Settings"]["Properties"]["Content"]);
    // How a version takes over is no part of it, and the number of the settings is what this is about.
    let apart = ["Settings", "DeploymentType", "DeploymentRole"];
    for (function, resource) in &resources {
        if resource["Type"] != "AWS::Serverless::Function" {
            continue;
        }
        let mut properties = resource["Properties"].clone();
        for elsewhere in ["Events", "DeploymentPreference"] {
            properties.as_object_mut().unwrap().remove(elsewhere);
        }
        let mut named = names(&properties);
        named.extend(names(&template.section("Globals")["Function"]));
        // A condition stands for the parameters that decide it, and a resource that may not be there for its condition.
        for name in named.clone() {
            named.extend(names(&conditions[&name]));
            let condition = resources.get(&name).and_then(|resource| resource["Condition"].as_str());
            if let Some(condition) = condition {
                named.remove(&name);
                named.extend(names(&conditions[condition]));
            }
        }
        let missing: Vec<_> = named
            .iter()
            .filter(|name| resources.contains_key(*name) || parameters[name.as_str()].is_object())
            .filter(|name| !settings.contains(*name) && !apart.contains(&name.as_str()))
            .collect();
        assert!(missing.is_empty(), "{function}: a change of {missing:?} would not reach the alias `live`");
        let description = resource["Properties"]["Description"].as_str().unwrap();
        assert!(description.contains("${Settings}"), "{function} does not change with the settings");
        assert_eq!(resource["Properties"]["VersionDescription"], "Settings ${Settings}", "{function}");
    }
}

/// What of a function is no part of a version: what calls it, how a version takes over, and what can change without one.
const NOT_OF_A_VERSION: [&str; 5] =
    ["DeploymentPreference", "Events", "ReservedConcurrentExecutions", "Tags", "VersionDescription"];

#[test]
fn whatever_is_written_of_a_function_changes_the_settings_that_make_a_new_version() {
    let template = Template::read("template.yaml").unwrap();
    let mut functions = vec![template.section("Globals")["Function"].clone()];
    let resources = template.resources();
    let is_function = |resource: &&Value| resource["Type"] == "AWS::Serverless::Function";
    functions.extend(resources.values().filter(is_function).map(|resource| resource["Properties"].clone()));
    assert_eq!(functions.len(), 6);
    for properties in &mut functions {
        for name in NOT_OF_A_VERSION {
            properties.as_object_mut().unwrap().remove(name);
        }
    }
    let digest = sha256_hex(serde_json::to_string(&functions).unwrap().as_bytes());
    let digest = digest.get(..16).unwrap();
    let content = template.property("Settings", "Content").as_str().unwrap();
    let written = format!(r#""Properties": "{digest}""#);
    assert!(content.contains(&written), "a property of a function has changed: write {written} in Settings");
}

#[test]
fn the_version_before_stays_and_the_settings_before_do_not() {
    let resources = resources("template.yaml").unwrap();
    for (name, resource) in &resources {
        if resource["Type"] == "AWS::Serverless::Function" {
            // SAM hands it on to the version; without it CloudFormation deletes the version that a new one replaces.
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
            // A tag alone would ask for a version that Lambda does not publish.
            assert!(resource["Properties"]["AutoPublishAliasAllProperties"].is_null(), "{name}");
        }
    }
    // AppConfig deletes no profile that has versions.
    assert_eq!(resources["Settings"]["UpdateReplacePolicy"], "Delete");
    assert_eq!(resources["Settings"]["DeletionPolicy"], "Delete");
}

#[test]
fn sam_builds_and_deploys_with_the_same_parameters() {
    let samconfig = text("samconfig.toml");
    let mut stages = 0;
    for section in samconfig.split("\n[").skip(1) {
        let (name, settings) = section.split_once(']').unwrap();
        // The processor is a parameter, and what is built for the other one does not start.
        assert_eq!(
            settings.contains("\nparameter_overrides"),
            name.ends_with(".global.parameters"),
            "{name}"
        );
        stages += usize::from(name.ends_with(".global.parameters"));
    }
    assert_eq!(stages, 3);
}

#[test]
fn whatever_calls_a_function_calls_the_alias_that_a_deployment_moves() {
    let template = Template::stack().unwrap();
    assert_eq!(template.section("Globals")["Function"]["AutoPublishAlias"], "live");
    for (name, resource) in template.resources() {
        let properties = &resource["Properties"];
        let called = match resource["Type"].as_str().unwrap() {
            "AWS::ApiGatewayV2::Integration" => &properties["IntegrationUri"],
            "AWS::Lambda::Permission" => &properties["FunctionName"],
            _ => continue,
        };
        assert!(called.as_str().unwrap().ends_with("Function.Alias"), "{name} calls {called}");
    }
}

#[test]
fn each_nested_stack_is_given_all_that_its_template_asks_for() {
    let root = Template::read("template.yaml").unwrap();
    let names =
        |parameters: &Value| -> BTreeSet<_> { parameters.as_object().unwrap().keys().cloned().collect() };
    let mut nested = 0;
    for (name, resource) in root.resources() {
        if let Some(path) = resource["Properties"]["TemplateURL"].as_str() {
            let asked = names(Template::read(path).unwrap().section("Parameters"));
            assert_eq!(names(&resource["Properties"]["Parameters"]), asked, "{name}");
            nested += 1;
        }
    }
    assert_eq!(nested, templates().unwrap().len() - 1);
}

#[test]
fn each_stage_sets_parameters_that_the_template_has_and_values_that_it_takes() {
    let template = Template::read("template.yaml").unwrap();
    let parameters = template.section("Parameters");
    let samconfig = text("samconfig.toml");
    let overrides: Vec<_> =
        samconfig.lines().filter(|line| line.starts_with("parameter_overrides = ")).collect();
    assert_eq!(overrides.len(), 3);
    for pair in overrides.iter().flat_map(|line| line.split('"').skip(1).step_by(2)) {
        let (name, value) = pair.split_once('=').unwrap();
        let parameter = &parameters[name];
        assert!(parameter.is_object(), "{name} is no parameter");
        if let Some(allowed) = parameter["AllowedValues"].as_array() {
            let takes = allowed
                .iter()
                .any(|one| one == value || one.as_u64().is_some_and(|number| number.to_string() == value));
            assert!(takes, "{pair}");
        }
    }
    let production = overrides[2];
    assert!(production.contains("TablesDeletionProtection=true"), "{production}");
    assert!(production.contains("DeploymentType=Canary"), "{production}");
    assert!(production.contains("Evidence=true"), "{production}");
    let (_, production) = samconfig.split_once("[production.global.parameters]").unwrap();
    assert!(production.split("\n[").next().unwrap().contains("\nregion = "), "the region is the profile's");
}

#[test]
fn every_way_of_deploying_is_known_to_the_mapping_that_turns_codedeploy_on() {
    let template = Template::read("template.yaml").unwrap();
    let allowed = template.section("Parameters")["DeploymentType"]["AllowedValues"].clone();
    let mapping = template.section("Mappings")["Deployments"].as_object().unwrap().clone();
    assert_eq!(allowed.as_array().unwrap().len(), mapping.len());
    for way in allowed.as_array().unwrap() {
        let way = way.as_str().unwrap();
        let in_steps = if way == "AllAtOnce" { "false" } else { "true" };
        assert_eq!(mapping[way]["InSteps"], in_steps, "{way}");
    }
}

#[test]
fn the_stack_policy_protects_what_is_retained_and_names_nothing_that_is_not_there() {
    let policy: Value = serde_json::from_str(&text("infra/stack-policy.json")).unwrap();
    let denied = &policy["Statement"][1];
    assert_eq!(denied["Effect"], "Deny");
    let protected: BTreeSet<_> = denied["Resource"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap().strip_prefix("LogicalResourceId/").unwrap().to_owned())
        .collect();
    let resources = resources("template.yaml").unwrap();
    for name in &protected {
        assert!(resources.contains_key(name), "{name} is no resource of template.yaml");
    }
    for (name, resource) in &resources {
        // It would keep what a first deployment that failed has made, beside what the next one makes.
        assert_ne!(resource["DeletionPolicy"], "Retain", "{name}");
        if resource["DeletionPolicy"] == "RetainExceptOnCreate" {
            assert!(protected.contains(name), "{name} is retained, and the stack policy lets it be replaced");
        }
    }
}

/// What `infra/tools/release.py` writes.
fn released(arguments: &[&str]) -> String {
    let tool = file("infra/tools/release.py").unwrap();
    let root = tool.ancestors().nth(3).unwrap();
    let output = Command::new("python3").current_dir(root).arg(&tool).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_template_of_a_release_is_the_stack_with_the_zips_of_its_processor() {
    let (folder, root) = (tempfile::tempdir().unwrap(), resources("template.yaml").unwrap());
    for architecture in ["arm64", "x86_64"] {
        let path = folder.path().join("template.yaml");
        released(&["template", architecture, path.to_str().unwrap()]);
        let template = Template::read(path.to_str().unwrap()).unwrap();
        let parameter = &template.section("Parameters")["Architecture"];
        assert_eq!(
            (&parameter["Default"], &parameter["AllowedValues"][0]),
            (&architecture.into(), &architecture.into())
        );
        assert_eq!(parameter["AllowedValues"].as_array().unwrap().len(), 1);
        let mut functions = 0;
        for (name, resource) in template.resources() {
            let mut expected = root[&name].clone();
            if resource["Type"] == "AWS::Serverless::Function" {
                let binary = expected["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
                expected["Properties"]["CodeUri"] = format!("functions-{architecture}/{binary}.zip").into();
                expected["Properties"]["CodeSigningConfigArn"] =
                    resource["Properties"]["CodeSigningConfigArn"].clone();
                assert_eq!(
                    resource["Properties"]["CodeSigningConfigArn"][1], "CodeSigningConfigArn",
                    "{name}"
                );
                let metadata = expected["Metadata"].as_object_mut().unwrap();
                metadata.retain(|key, _| !key.starts_with("Build"));
                if metadata.is_empty() {
                    expected.as_object_mut().unwrap().remove("Metadata");
                }
                functions += 1;
            }
            assert_eq!(resource, expected, "{name}");
        }
        assert_eq!((template.resources().len(), functions), (root.len(), 5));
    }
}

#[test]
fn the_changelog_of_a_release_is_that_of_its_version() {
    let changes = released(&["changelog", env!("CARGO_PKG_VERSION")]);
    assert!(changes.starts_with(concat!("# Arauto ", env!("CARGO_PKG_VERSION"))), "{changes}");
    // Its links would lead nowhere beside the zips.
    assert!(changes.contains("### Added") && !changes.contains("](docs/"), "{changes}");
}

#[test]
fn each_action_of_a_workflow_is_pinned_to_a_commit() {
    let pinned = Regex::new("^[A-Za-z0-9-]+/[A-Za-z0-9_./-]+@[0-9a-f]{40} # v[0-9]").unwrap();
    let mut found = 0;
    for entry in read_dir(file(".github/workflows").unwrap()).unwrap() {
        let path = entry.unwrap().path();
        for line in read_to_string(&path).unwrap().lines() {
            if let Some((_, action)) = line.split_once("uses: ") {
                assert!(pinned.is_match(action), "{}: {action}", path.display());
                found += 1;
            }
        }
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn each_tool_is_pinned_to_a_version_and_the_hashes_of_its_wheels() {
    let pinned = Regex::new(r"^[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.+]* (; [^\\]*)?\\$").unwrap();
    let hash = Regex::new(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$").unwrap();
    let mut lists = 0;
    let in_tools = read_dir(file("infra/tools").unwrap()).unwrap().map(|entry| entry.unwrap().path());
    for path in in_tools.chain([file("infra/local/requirements.txt").unwrap()]) {
        if path.extension().is_some_and(|extension| extension == "txt") {
            let list = read_to_string(&path).unwrap();
            let lines: Vec<_> = list.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(pinned.is_match(lines[0]), "{}", path.display());
            for pair in lines.windows(2) {
                let goes_on = pair[0].ends_with('\\');
                let line = if goes_on { hash.is_match(pair[1]) } else { pinned.is_match(pair[1]) };
                assert!(line, "{}: {}", path.display(), pair[1]);
            }
            lists += 1;
        }
    }
    assert_eq!(lists, 8);
}

#[test]
fn each_npm_package_is_pinned_to_a_hash_and_names_no_registry() {
    for (folder, least) in
        [("tools/prism", 100), ("tools/typescript", 3), ("cdk", 8), ("clients/typescript", 40)]
    {
        let lock: Value = serde_json::from_str(&text(&format!("infra/{folder}/package-lock.json"))).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > least, "{folder}: {}", packages.len());
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            // A bundled package is part of another, which has the hash.
            let hashed = package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-"));
            assert!(hashed || package["inBundle"] == true, "{folder}: {name}");
            assert_eq!(package["resolved"], Value::Null, "{folder}: {name}");
        }
        let manifest: Value = serde_json::from_str(&text(&format!("infra/{folder}/package.json"))).unwrap();
        for kind in ["dependencies", "devDependencies"] {
            for (name, version) in manifest[kind].as_object().into_iter().flatten() {
                let exact = version.as_str().unwrap().starts_with(|first: char| first.is_ascii_digit());
                assert!(exact, "{folder}: {name} {version}");
            }
        }
    }
}

#[test]
fn each_service_takes_a_role_for_this_account_alone() {
    let mut found = 0;
    for path in templates().unwrap() {
        for (name, resource) in resources(&path).unwrap() {
            let Some(statements) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"].as_array()
            else {
                continue;
            };
            for statement in statements {
                // Else a service that somebody else configured could be made to act in our name.
                assert!(statement["Principal"]["Service"].is_string(), "{name}: {statement}");
                assert_eq!(
                    statement["Condition"]["StringEquals"]["aws:SourceAccount"], "AWS::AccountId",
                    "{name} of {path}: {statement}"
                );
                found += 1;
            }
        }
    }
    assert!(found >= 9, "{found}");
}

#[test]
fn what_a_stack_that_is_deleted_leaves_behind() {
    let all = Template::stack().unwrap().resources();
    for (name, resource) in &all {
        let is_function = resource["Type"] == "AWS::Serverless::Function";
        let (deleted, replaced) = (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]);
        assert!(is_function || deleted.is_null() == replaced.is_null(), "{name} says one of two");
    }
    let mut kept: Vec<_> = all
        .iter()
        .filter(|(_, resource)| resource["DeletionPolicy"] == "RetainExceptOnCreate")
        .map(|(name, resource)| {
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
            name.as_str()
        })
        .collect();
    kept.sort_unstable();
    let expected = [
        "ApiLogGroup",
        "Bucket",
        "DataKey",
        "DirectoryIdentitySecret",
        "EgressAddressA",
        "EgressAddressB",
        "EvidenceBucketPolicy",
        "EvidenceKey",
        "IdentityKey",
        "IdentitySecret",
        "LedgerTable",
        "ReceiversTable",
        "TrustSecret",
    ];
    assert_eq!(kept, expected);
}
