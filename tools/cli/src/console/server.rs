//! The server: its addresses, and who may ask.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderMap, header};
use tokio::net::TcpListener;

use super::app::App;
use super::{commands, frame, lookup, overview, replays};

/// Serves pages until it is told to stop.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(stop);
    server.await.context("the server stopped")?;
    // A replay ends after its batch, so that what was sent is marked.
    if let Some(replay) = app.inner().running.lock().await.take() {
        replay.await.context("the replay stopped")?;
    }
    Ok(())
}

fn router(app: App) -> Router {
    let of_language = Router::new()
        .route("/now", get(overview::now))
        .route("/receivers", get(overview::receivers))
        .route("/receivers/{key}", get(overview::receiver))
        .route("/notifications", get(lookup::notifications))
        .route("/notifications/{id}", get(lookup::notification))
        .route("/undelivered", get(overview::undelivered))
        .route("/undelivered/plan", get(replays::plan))
        .route("/undelivered/replay", post(replays::replay))
        .route("/replays/{number}", get(replays::progress))
        .route("/explain", get(commands::explain_form).post(commands::explain))
        .route("/bill", get(commands::bill))
        .route("/capacity", get(commands::capacity))
        .route("/polling", get(commands::polling));
    Router::new()
        .route("/{token}", get(begin))
        .route("/{token}/", get(begin))
        .route("/{token}/console.css", get(style))
        .route("/{token}/console.js", get(script))
        .route("/{token}/icon.svg", get(icon))
        .nest("/{token}/{language}", of_language)
        .fallback(frame::missing)
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let noted = app.clone();
    app.inner()
        .access
        .guard(request, async move |request| {
            noted.note_request();
            next.run(request).await
        })
        .await
}

async fn begin(State(app): State<App>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = pages::page::preferred(accepted.unwrap_or_default()).tag();
    axum::response::Redirect::to(&format!("{}/{language}/now", app.inner().access.prefix())).into_response()
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE).into_response()
}

async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], pages::ICON).into_response()
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], pages::SCRIPT).into_response()
}
