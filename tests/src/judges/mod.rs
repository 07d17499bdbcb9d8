//! Receivers that nobody here wrote: nginx, and Prism behind it.

mod nginx;
mod prism;

pub use nginx::{INSTALL as INSTALL_NGINX, Nginx, Upstream, find as find_nginx};
pub use prism::{INSTALL as INSTALL_PRISM, Prism, find as find_prism};
