//! From a vector's category to the family that judges it.

use super::{
    Judgement, Vector, base_uri, body, client_id, delivery, headers, insurance, issuer, parameter,
    registration, revocation, trigger, url,
};

/// How the vectors of a category are judged.
#[derive(Clone, Copy, Debug)]
pub enum Family {
    /// By what they say: the product's own code answers.
    Data(fn(&Vector) -> Judgement),
    /// By a test of their own.
    Scenario,
}

impl Family {
    /// Finds the family of a category.
    pub fn of(category: &str) -> Option<Self> {
        Some(match category {
            "url_composition" => Self::Data(url::judge),
            "base_uri_validation" => Self::Data(base_uri::judge),
            "path_parameter" => Self::Data(parameter::judge),
            "timestamp_format" => Self::Data(body::judge_format),
            "timestamp_validation" => Self::Data(body::judge_validation),
            "request_body" => Self::Data(body::judge_request),
            "headers" => Self::Data(headers::judge),
            "trigger" => Self::Data(trigger::judge),
            "delivery" => Self::Data(delivery::judge),
            "dcr_dcm" => Self::Data(registration::judge),
            "statement_issuer" => Self::Data(issuer::judge),
            "client_id" => Self::Data(client_id::judge),
            "revocation" => Self::Data(revocation::judge),
            "mtls" | "synchronisation" | "conformance_scenario" | "observability" => Self::Scenario,
            "open_insurance" => Self::Data(insurance::judge),
            _ => return None,
        })
    }
}

/// Judges a vector of data by what it says.
pub fn judge(vector: &Vector) -> Judgement {
    match Family::of(&vector.category) {
        Some(Family::Data(judge)) => judge(vector),
        Some(Family::Scenario) => Err("this category is not judged as data".to_owned()),
        None => Err(format!("unknown category {:?}", vector.category)),
    }
}
