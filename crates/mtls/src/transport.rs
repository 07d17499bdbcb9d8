//! A connection before TLS.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection before TLS.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for S {}
