//! Each ready-made mapping on a line as its vendor documents it, and what is wrong with lines.

use std::path::Path;

use crate::bank::{Seed, of_mapping, report, write};
use polling::{Analysis, Mapping, Notifications, Preset, Report, Source};

/// A path of a resource, in place of the one of the sample.
const PATH: &str = "/open-banking/payments/v5/pix/payments/p-1";

/// API Gateway, `http-api-logging-variables.html`: the JSON example, with the path and the client added.
const API_GATEWAY: &str = r#"{ "requestId":"JKJaXmPLvHcESHA=", "ip": "192.0.2.1", "requestTime":"10/Oct/2026:13:55:36 +0000", "httpMethod":"GET","routeKey":"GET /open-banking/{proxy+}", "status":"200","protocol":"HTTP/1.1", "responseLength":"57", "path":"/open-banking/payments/v5/pix/payments/p-1", "clientId":"itp-1" }"#;
/// API Gateway, `set-up-access-logging.html`: the JSON example for REST APIs, with the same.
const API_GATEWAY_REST: &str = r#"{ "requestId":"JKJaXmPLvHcESHA=", "extendedRequestId":"JKJaXmPLvHcESHA=","ip": "192.0.2.1", "caller":"-", "user":"-", "requestTime":"10/Oct/2026:13:55:36 +0000", "httpMethod":"GET", "resourcePath":"/{proxy+}", "status":"200", "protocol":"HTTP/1.1", "responseLength":"57", "path":"/prod/open-banking/payments/v5/pix/payments/p-1", "clientId":"itp-1" }"#;
/// Elastic Load Balancing, `load-balancer-access-logs.html`, "Example HTTPS Entry", with our path.
const ALB: &str = r#"https 2026-10-10T13:55:36.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/open-banking/payments/v5/pix/payments/p-1 HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2026-10-10T13:55:36.000000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90"#;
/// nginx, `ngx_http_log_module`: the format `combined`.
const NGINX: &str = r#"192.0.2.1 - itp-1 [10/Oct/2026:10:55:36 -0300] "GET /open-banking/payments/v5/pix/payments/p-1 HTTP/1.1" 200 57 "-" "curl/7.46.0""#;
const NGINX_JSON: &str = r#"{"time_iso8601":"2026-10-10T10:55:36-03:00","client_id":"itp-1","request":"GET /open-banking/payments/v5/pix/payments/p-1 HTTP/1.1","status":200,"sent_http_etag":"W/\"1\""}"#;
/// Kong, the page of the plugin File Log, "Log format", shortened, with our path.
const KONG: &str = r#"{"response":{"size":9982,"headers":{"content-length":"9593","date":"Sat, 10 Oct 2026 13:55:36 GMT","via":"1.1 kong/3.8.0.0-enterprise-edition"},"status":200},"route":{"protocols":["http","https"],"service":{"id":"fb4eecf8-dec2-40ef-b779-16de7e2384c7"}},"request":{"method":"GET","headers":{"host":"localhost:8000","accept":"*/*"},"uri":"/open-banking/payments/v5/pix/payments/p-1?x=1","url":"http://localhost:8000/open-banking/payments/v5/pix/payments/p-1","querystring":{},"size":83},"tries":[{"balancer_latency":0,"port":80,"ip":"192.0.2.9"}],"client_ip":"192.0.2.1","workspace":"0da4afe7-44ad-4e81-a953-5d2923ce68ae","upstream_uri":"/","authenticated_entity":{"id":"c62c1455-9b1d-4f2d-8797-509ba83b8ae8"},"consumer":{"id":"ae974d6c-0f8a-4dc5-b701-fa0aa38592bd","custom_id":"itp-1","username":"foo"},"latencies":{"request":515,"kong":58,"proxy":457},"started_at":1791640536342}"#;
/// `CloudFront`, `standard-logs-reference.html`, the example of a log file, with our path.
const CLOUDFRONT: &str = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n2026-10-10\t13:55:36\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/open-banking/payments/v5/pix/payments/p-1\t200\t-\tMozilla/5.0%20(Windows)\t-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-";

const SAMPLES: [(Preset, &str); 7] = [
    (Preset::ApiGatewayHttp, API_GATEWAY),
    (Preset::ApiGatewayRest, API_GATEWAY_REST),
    (Preset::Alb, ALB),
    (Preset::Nginx, NGINX),
    (Preset::NginxJson, NGINX_JSON),
    (Preset::Kong, KONG),
    (Preset::CloudFront, CLOUDFRONT),
];

const TOLD: &str = r#"{"client_id":"itp-1","resource":"pix_payment","resource_id":"p-1","delivered_at":"2026-10-10T13:55:36.100Z"}"#;

fn of(preset: Preset, log: &str, told: Option<&str>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let told = told.map(|told| write(folder.path(), "told.jsonl", told));
    report(preset, &[write(folder.path(), "log", log)], told.as_deref())
}

#[test]
fn each_ready_made_mapping_reads_the_line_of_its_vendor() {
    for (preset, sample) in SAMPLES {
        assert!(sample.contains(PATH));
        let report = of(preset, sample, Some(TOLD));
        assert!(report.is_complete(), "{preset:?}: {:?}", report.log);
        assert_eq!((report.log.gets, report.initiators.len()), (1, 1), "{preset:?}");
        let one = &report.initiators[0];
        // Whole seconds stand for all of their second, so that a notification within it came before.
        assert_eq!((one.client_id.as_str(), one.figures.figures.used), ("itp-1", 1), "{preset:?}");
        assert_eq!(report.from.unwrap().as_second(), 1_791_640_536, "{preset:?}");
        // What is no GET of a resource is counted, and is no fault.
        let other = of(preset, &sample.replace("GET", "POST"), Some(TOLD));
        assert_eq!((other.log.gets, other.log.broken), (0, 0), "{preset:?}");
        let other = of(preset, &sample.replace(PATH, "/health"), Some(TOLD));
        assert_eq!((other.log.gets, other.log.broken), (0, 0), "{preset:?}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_counted_and_told_by_its_number_without_being_quoted() {
    let lines = [
        NGINX_JSON,
        "12345678909 is no JSON",
        r#"{"request":"GET /open-banking/payments/v5/pix/payments/p-1 HTTP/1.1","time_iso8601":"2026-10-10T10:55:36-03:00"}"#,
        r#"{"request":"GET /open-banking/payments/v5/pix/payments/p-1 HTTP/1.1","status":200,"msec":"soon"}"#,
        r#"{"status":200}"#,
        "",
        NGINX_JSON,
    ];
    let report = of(Preset::NginxJson, &lines.join("\n"), None);
    let broken: Vec<_> = report.log.broken_lines.iter().map(|line| (line.line, line.reason)).collect();
    assert_eq!(
        broken,
        [
            (2, "it is no JSON object"),
            (3, "it has no HTTP status"),
            (4, "it has no time"),
            (5, "it has no method or no path")
        ]
    );
    assert_eq!((report.log.lines, report.log.gets, report.log.broken), (6, 2, 4));
    assert!(!report.is_complete());
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("12345678909") && !json.contains("payments/p-1"), "{json}");
    // All are counted, and the first are told.
    let request = "GET https://www.example.com:443/open-banking/payments/v5/pix/payments/p-1 HTTP/1.1";
    for malformed in ["-", "- http://www.example.com:80- -", ""] {
        let line = ALB.replace(request, malformed) + "\n";
        let many = of(Preset::Alb, &line.repeat(50), None);
        assert_eq!((many.log.broken, many.log.other), (0, 50), "{malformed}");
    }
    let many = of(Preset::NginxJson, &"x\n".repeat(50), None);
    assert_eq!((many.log.broken, many.log.broken_lines.len()), (50, 20));
    let unnamed = of(Preset::CloudFront, CLOUDFRONT.lines().last().unwrap(), None);
    assert_eq!(unnamed.log.broken_lines[0].reason, "no line #Fields names its columns");
}

#[test]
fn the_documented_format_of_api_gateway_lacks_the_path_and_it_is_said_what_to_add() {
    let line = API_GATEWAY.replace(r#""path":"/open-banking/payments/v5/pix/payments/p-1", "#, "");
    let report = of(Preset::ApiGatewayHttp, &line, None);
    let text = polling::text(&report, polling::Language::En);
    assert!(report.log.broken == 1 && text.contains("$context.path"), "{text}");
}

#[test]
fn lines_are_found_behind_a_time_and_in_a_batch() {
    let tail = format!("2026-10-10T13:55:36.000000+00:00 2026/10/10/[$LATEST]abc {API_GATEWAY}");
    assert_eq!(of(Preset::ApiGatewayHttp, &tail, None).log.gets, 1);
    let batch = of(Preset::Kong, &format!("[{KONG},{KONG}]"), None);
    assert_eq!((batch.log.lines, batch.log.gets), (1, 2));
    let timeless = KONG.replace("started_at", "ended_at");
    let batch = of(Preset::Kong, &format!("[{timeless},{KONG}]"), None);
    assert_eq!((batch.log.broken, batch.log.gets), (1, 1));
}

#[test]
fn attempts_are_notifications_from_when_they_began_if_they_were_delivered() {
    // The partition of p-1 at E2, as `arauto attempts --json` has it in the id.
    let resource =
        convention::notification::Partition::of_id(convention::notification::Endpoint::PixPayment, "p-1");
    let attempt = |outcome: &str| {
        format!(
            r#"{{"at":"2026-10-10T13:55:37.500Z","attempt":1,"client_id":"itp-1","duration_ms":1400,"endpoint":"E2","notification_id":"{resource}{:017x}","outcome":"{outcome}"}}"#,
            1
        )
    };
    let report = of(Preset::NginxJson, NGINX_JSON, Some(&attempt("delivered")));
    assert_eq!(report.all.figures.used, 1);
    let failed = of(Preset::NginxJson, NGINX_JSON, Some(&format!("{}\nnothing", attempt("timeout"))));
    assert_eq!((failed.all.figures.used, failed.notification_lines.broken), (0, 1));
    assert!(!failed.is_complete());
}

#[test]
fn a_mapping_of_the_bank_names_its_fields_its_zone_its_paths_and_its_clients() {
    let mapping = r#"{
        "format": "columns", "columns": ["when", "who", "what", "result", "version"], "client": "who", "request": "what",
        "status": "result", "time": "when", "state": "version", "zone": "-03:00",
        "resources": [{ "endpoint": "E2", "path": "/pix/{id}" }], "clients": { "CN=one": "itp-1" }
    }"#;
    let folder = tempfile::tempdir().unwrap();
    let log = "\"2026-10-10 10:55:36.200\" \"CN=one\" \"GET /pix/p-1\" 200 7\n\"2026-10-10 10:55:37.200\" \"CN=one\" \"GET /pix/p-1\" 200 7\n";
    let (log, told) = (write(folder.path(), "log", log), write(folder.path(), "told", TOLD));
    let report = of_mapping(&Mapping::from_json(mapping).unwrap(), &[log], Some(&told));
    let figures = report.all.figures;
    assert_eq!((figures.used, figures.no_change_logged, report.initiators.len()), (1, 1, 1));
}

#[test]
fn a_304_saw_no_change_and_a_failed_answer_saw_nothing() {
    let line = |second: u8, status: u16| {
        format!(
            r#"{{"time_iso8601":"2026-10-10T13:55:{second:02}.5Z","client_id":"itp-1","request":"GET {PATH} HTTP/1.1","status":{status}}}"#
        )
    };
    let lines = [line(36, 503), line(37, 200), line(38, 304), line(39, 429), line(40, 200)].join("\n");
    let figures = of(Preset::NginxJson, &lines, Some(TOLD)).all.figures;
    assert_eq!(
        (figures.failed, figures.used, figures.no_change_logged, figures.no_change_inferred),
        (2, 1, 1, 1)
    );
    // Without any notification nobody can tell what the last one saw.
    assert_eq!(of(Preset::NginxJson, &lines, None).all.figures.no_change_inferred, 0);
}

#[test]
fn a_client_that_a_log_calls_otherwise_is_noticed() {
    let report = of(Preset::NginxJson, &NGINX_JSON.replace("itp-1", "consumer"), Some(TOLD));
    assert_eq!((report.by_other_clients, report.all.figures.used), (1, 0));
    assert!(polling::text(&report, polling::Language::En).contains("another client"));
}

#[test]
fn a_packed_file_that_is_cut_off_is_an_error_and_so_is_one_that_is_not_there() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all((NGINX_JSON.to_owned() + "\n").repeat(5_000).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let cut = write(folder.path(), "cut.gz", &packed[..packed.len() - 9]);
    for path in [cut.as_path(), Path::new("/nowhere/access.log")] {
        let mapping = Preset::NginxJson.mapping();
        let analysis = Analysis::new(&mapping);
        let error = analysis.files(vec![Source::named(path)], Notifications::default(), "1".parse().unwrap());
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_line_that_is_damaged_is_read_or_counted_and_never_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = Seed(11);
    for (preset, sample) in SAMPLES {
        let mut log = Vec::new();
        for _ in 0..3_000 {
            let mut line = sample.lines().last().unwrap().as_bytes().to_vec();
            for _ in 0..=seed.below(4) {
                let at = usize::try_from(seed.below(i64::try_from(line.len()).unwrap())).unwrap();
                match seed.below(3) {
                    0 => line[at] = u8::try_from(seed.below(256)).unwrap(),
                    1 => line.truncate(at.max(1)),
                    _ => drop(line.remove(at)),
                }
                if line.is_empty() {
                    line.push(b'x');
                }
            }
            log.extend(line);
            log.push(b'\n');
        }
        let head = sample.lines().filter(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n") + "\n";
        let log = [head.as_bytes(), &log].concat();
        let report = report(preset, &[write(folder.path(), "log", log)], None);
        let counts = &report.log;
        assert!(counts.lines >= 2_900, "{preset:?}: {}", counts.lines);
        assert_eq!(counts.gets + counts.other + counts.broken, counts.lines, "{preset:?}");
        assert_eq!(report.all.figures.gets, counts.gets, "{preset:?}");
    }
}
