//! Timeouts of calls for which no caller waits.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;

/// Timeout of one try, which may carry two megabytes of records or a page of a listing.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a whole call with its tries.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Sets these timeouts.
pub fn with_long_timeouts(sdk: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(TRY_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    sdk.to_builder().timeout_config(timeouts).build()
}
