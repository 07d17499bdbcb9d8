//! The optional network of the stack, read as a graph: who goes out by what.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use tests::template::{Template, resources};

const NETWORK: &str = "infra/network.yaml";

/// The one resource of a type whose properties are these among others.
fn the(kind: &str, properties: &Value) -> (String, Value) {
    let has = |resource: &Value| {
        let mut wanted = properties.as_object().unwrap().iter();
        resource["Type"] == kind && wanted.all(|(name, value)| resource["Properties"][name] == *value)
    };
    let mut found = resources(NETWORK).unwrap().into_iter().filter(|(_, resource)| has(resource));
    let one = found.next().unwrap_or_else(|| panic!("there is no {kind} with {properties}"));
    assert!(found.next().is_none(), "there is more than one {kind} with {properties}");
    (one.0, one.1["Properties"].clone())
}

fn route_table_of(subnet: &str) -> String {
    let (_, association) = the("AWS::EC2::SubnetRouteTableAssociation", &json!({ "SubnetId": subnet }));
    association["RouteTableId"].as_str().unwrap().to_owned()
}

fn way_out_of(subnet: &str) -> Value {
    let route = json!({ "RouteTableId": route_table_of(subnet), "DestinationCidrBlock": "0.0.0.0/0" });
    the("AWS::EC2::Route", &route).1
}

#[test]
fn each_private_subnet_goes_out_by_a_gateway_and_an_address_of_its_own_zone() {
    let network = Template::read(NETWORK).unwrap();
    let mut ways = Vec::new();
    for subnet in ["PrivateSubnetA", "PrivateSubnetB"] {
        let gateway = way_out_of(subnet)["NatGatewayId"].as_str().unwrap().to_owned();
        let public = network.property(&gateway, "SubnetId").as_str().unwrap().to_owned();
        assert_eq!(
            network.property(&public, "AvailabilityZone"),
            network.property(subnet, "AvailabilityZone"),
            "{subnet} leaves its zone"
        );
        assert_eq!(way_out_of(&public)["GatewayId"], "InternetGateway", "{public} leads nowhere");
        let address = network.property(&gateway, "AllocationId").clone();
        ways.push((network.property(subnet, "AvailabilityZone").clone(), gateway, address));
    }
    let (first, second) = (&ways[0], &ways[1]);
    assert!(first.0 != second.0 && first.1 != second.1 && first.2 != second.2, "{ways:?}");
}

#[test]
fn the_four_subnets_do_not_overlap() {
    let network = Template::read(NETWORK).unwrap();
    let names = ["PublicSubnetA", "PublicSubnetB", "PrivateSubnetA", "PrivateSubnetB"];
    let mut blocks: Vec<_> =
        names.map(|name| network.property(name, "CidrBlock")[0].as_u64().unwrap()).into();
    blocks.sort_unstable();
    assert_eq!(blocks, [0, 1, 2, 3]);
}

#[test]
fn the_addresses_outlive_the_stack() {
    let mut addresses = 0;
    for (name, resource) in resources(NETWORK).unwrap() {
        if resource["Type"] == "AWS::EC2::EIP" {
            addresses += 1;
            assert_eq!(
                (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
                (&json!("RetainExceptOnCreate"), &json!("Retain")),
                "{name}"
            );
        }
    }
    assert_eq!(addresses, 2);
}

#[test]
fn nothing_may_reach_a_function_and_each_reaches_by_tcp_only() {
    let groups: Vec<_> = resources(NETWORK)
        .unwrap()
        .into_values()
        .filter(|resource| resource["Type"] == "AWS::EC2::SecurityGroup")
        .collect();
    assert_eq!(groups.len(), 3);
    for group in groups {
        let properties = &group["Properties"];
        assert!(properties["SecurityGroupIngress"].is_null(), "{properties}");
        // A group without rules lets everything out.
        let rules = properties["SecurityGroupEgress"].as_array().unwrap();
        assert!(rules.iter().all(|rule| rule["IpProtocol"] == "tcp"), "{properties}");
    }
}

#[test]
fn directory_looks_at_receivers_where_dispatch_reaches_them_and_asks_authorities_by_plain_http() {
    let all = resources(NETWORK).unwrap();
    let rules = |name: &str| {
        let rules = all[name]["Properties"]["SecurityGroupEgress"].as_array().unwrap();
        let ports = rules.iter().map(|rule| (rule["FromPort"].clone(), rule["ToPort"].clone()));
        ports.collect::<Vec<_>>()
    };
    let [receivers] = &rules("DispatchSecurityGroup")[..] else { panic!("one rule") };
    let plain = (json!(80), json!(80));
    assert_eq!(rules("DirectorySecurityGroup"), [receivers.clone(), plain]);
}

#[test]
fn dispatch_and_directory_have_their_own_way_and_whoever_calls_aws_alone_has_the_narrowest() {
    for (name, function) in resources("template.yaml").unwrap() {
        if function["Type"] == "AWS::Serverless::Function" {
            let group =
                function["Properties"]["VpcConfig"][1]["SecurityGroupIds"][0].as_str().unwrap().to_owned();
            let expected = match name.as_str() {
                "DispatchFunction" => "Dispatch",
                "DirectoryFunction" => "Directory",
                _ => "Services",
            };
            assert_eq!(group, format!("NetworkStack.Outputs.{expected}SecurityGroupId"), "{name}");
        }
    }
}

#[test]
fn a_list_in_a_public_bucket_can_be_fetched_and_no_other_bucket_of_a_stranger_reached() {
    let endpoint =
        the("AWS::EC2::VPCEndpoint", &json!({ "ServiceName": "com.amazonaws.${AWS::Region}.s3" })).1;
    let statements = endpoint["PolicyDocument"]["Statement"].as_array().unwrap().clone();
    let public = json!({ "StringEquals": { "aws:PrincipalType": "Anonymous" } });
    let (anonymous, signed): (Vec<_>, Vec<_>) =
        statements.iter().partition(|statement| statement["Condition"] == public);
    assert_eq!(anonymous.len(), 1);
    assert_eq!(anonymous[0]["Action"], "s3:GetObject");
    for statement in signed {
        assert_eq!(statement["Condition"]["StringEquals"]["aws:ResourceAccount"], "AWS::AccountId");
    }
}
