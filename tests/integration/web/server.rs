//! The server itself: where it listens, what it refuses, and that it ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::harness::demo::Demo;
use crate::harness::program::Program;
use crate::harness::web::Web;

#[tokio::test]
async fn a_port_that_is_taken_is_told_at_the_start_with_what_to_do() -> Result<()> {
    let demo = Demo::start().await?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let told = Program::new(demo.dir(), &["run", "--listen", &address]).end().await?.told(3);
    assert!(told.contains(&format!("another program listens on {address}")) && told.contains("`listen`"), "{told}");
    Ok(())
}

#[tokio::test]
async fn an_address_that_others_reach_takes_a_token() -> Result<()> {
    let demo = Demo::start().await?;
    let told = Program::new(demo.dir(), &["run", "--listen", "0.0.0.0:0"]).end().await?.told(2);
    assert!(told.contains("a token is needed: give `api_token:"), "{told}");
    Ok(())
}

#[tokio::test]
async fn it_lives_and_is_ready_and_knows_no_other_path() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    let alive = web.get("/healthz", &[]).await?;
    assert_eq!((alive.status, alive.body.as_str()), (200, "ok\n"));
    assert_eq!(web.get("/nowhere", &[]).await?.status, 404);
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_ends_its_request_holds_up_neither_others_nor_the_end() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    web.ready().await?;
    let address = web.url().strip_prefix("http://").context("a URL")?;
    let slow: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address)).collect::<Result<_, _>>()?;
    for mut stream in &slow {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")?;
    }
    assert_eq!(web.get("/healthz", &[]).await?.status, 200);
    let asked = Instant::now();
    daemon.stop().await?.told(0);
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_head_without_end_is_refused() -> Result<()> {
    let demo = Demo::start().await?;
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    let mut stream = TcpStream::connect(web.url().strip_prefix("http://").context("a URL")?)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // The server may hang up before everything is sent.
    let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024)).as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(web.get("/healthz", &[]).await?.status, 200);
    Ok(())
}
