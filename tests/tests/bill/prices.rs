//! The template and the pages have the prices of the lists.

use std::fs::read_to_string;

use arauto::prices::{Prices, Rate, Region, Usd};
use tests::contract::file;
use tests::template::Template;

/// Hours of a month, as AWS counts them.
const MONTH_H: u128 = 730;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn the_template_has_the_prices_of_the_lists() {
    let template = Template::read("infra/operations.yaml").unwrap();
    let mapping = &template.section("Mappings")["Prices"];
    for region in Region::ALL {
        let prices = Prices::of(region);
        let mapped = mapping[region.as_str()].as_object().unwrap();
        for (name, value) in mapped {
            let (rate, divisor) = match name.as_str() {
                "Arm" => (Rate::LambdaArm64, 1),
                "X86" => (Rate::LambdaX86, 1),
                "Invocation" => (Rate::LambdaRequest, 1),
                "Sqs" => (Rate::SqsRequest, 1),
                "Write" => (Rate::DynamoDbWrite, 1),
                "Read" => (Rate::DynamoDbRead, 1),
                "Api" => (Rate::HttpApiCall, 1),
                "LogByte" => (Rate::LogsIngested, 1_000_000_000),
                other => panic!("no list has {other}"),
            };
            let expected = prices.value(rate).of(1, divisor);
            assert_eq!(usd(value.as_str().unwrap()), expected, "{name} of {}", region.as_str());
        }
    }
    // What the template takes from us-east-1 for São Paulo too costs the same there.
    let [virginia, paulo] = Region::ALL.map(Prices::of);
    for rate in [Rate::LambdaArm64, Rate::LambdaX86, Rate::LambdaRequest, Rate::SqsRequest] {
        assert_eq!(virginia.value(rate), paulo.value(rate), "{}", rate.name());
    }
    assert_eq!(mapping["us-east-1"].as_object().unwrap().len(), 8);
}

#[test]
fn the_pages_have_the_prices_of_the_lists() {
    let prices = Prices::of(Region::UsEast1);
    let of = |rate| prices.value(rate);
    let month = |rate| of(rate).times(MONTH_H);
    let network = (month(Rate::NatHour) + month(Rate::PublicAddressHour)).times(2);
    let firehose = of(Rate::FirehoseIngested).of(13, 10);
    let told = [
        ("docs/configuration.md", format!("about ${} a month (two NAT gateways", network.rounded(0))),
        ("docs/configuration.md", format!("and ${} a GB", of(Rate::NatProcessed).exact())),
        ("docs/configuration.md", format!("US$ {} a month for a key", of(Rate::KmsKey).exact())),
        (
            "docs/configuration.md",
            format!("US$ {} for\n10,000 requests with RSA 2048", of(Rate::KmsRsa2048).times(10_000).exact()),
        ),
        (
            "docs/configuration.md",
            format!("US$ {} with longer keys", of(Rate::KmsRsa4096).times(10_000).exact()),
        ),
        ("docs/evidence.md", format!("Firehose US$ {} (two lines", firehose.rounded(2))),
        ("docs/evidence.md", format!("1.3 GB at {};", of(Rate::FirehoseIngested).exact())),
        (
            "docs/deploy.md",
            format!(
                "the key US$ {}, three secrets US$ {}",
                of(Rate::KmsKey).exact(),
                of(Rate::Secret).times(3).rounded(2)
            ),
        ),
        ("docs/deploy.md", format!("each alarm US$ {}", of(Rate::Alarm).rounded(2))),
        ("docs/deploy.md", format!("values US$ {}", of(Rate::Metric).rounded(2))),
        ("docs/deploy.md", format!("some US$ {}\n", network.rounded(0))),
    ];
    for (page, figure) in told {
        let text = read_to_string(file(page).unwrap()).unwrap();
        assert!(text.contains(&figure), "{page} does not say {figure}");
    }
    // "In sa-east-1 it is about double."
    let paulo = Prices::of(Region::SaEast1);
    let there = (paulo.value(Rate::NatHour) + paulo.value(Rate::PublicAddressHour)).times(2 * MONTH_H);
    assert!((180..=220).contains(&there.parts_of(network, 100)), "{there}");
}
