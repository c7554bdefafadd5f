//! The router as a plain HTTP server, for development.

use axum::Router;

/// Serves on `RUNVOY_LISTEN` (default `127.0.0.1:8080`) until the process is asked to end.
pub async fn serve(app: Router) -> Result<(), runvoy_orchestrator::Error> {
    let address = std::env::var("RUNVOY_LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("could not listen on `{address}` (RUNVOY_LISTEN): {error}"))?;
    println!("http://{}", listener.local_addr()?);
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
