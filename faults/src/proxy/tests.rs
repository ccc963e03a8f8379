use std::time::Instant;

use redis::{Connection, RedisResult, Value};

use super::*;

fn connect(proxy: &Proxy) -> RedisResult<Connection> {
    let client = redis::Client::open(proxy.url()).expect("the address is well-formed");
    let connection = client.get_connection_with_timeout(Duration::from_millis(300))?;
    connection.set_read_timeout(Some(Duration::from_millis(300)))?;
    Ok(connection)
}

fn run<T: redis::FromRedisValue>(connection: &mut Connection, command: &str) -> RedisResult<T> {
    redis::Cmd::new().arg(command.split(' ').collect::<Vec<_>>()).query(connection)
}

#[test]
fn it_passes_and_counts() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let mut connection = connect(&proxy).expect("it listens");
    let before = proxy.traffic();
    run::<()>(&mut connection, "SET key value").expect("it passes");
    assert_eq!(run::<String>(&mut connection, "GET key").expect("it passes"), "value");
    let after = proxy.traffic();
    assert_eq!(after.requests - before.requests, 2);
    assert_eq!(after.to_client - before.to_client, "+OK\r\n$5\r\nvalue\r\n".len() as u64);
    let sent = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n".len();
    assert_eq!(after.to_server - before.to_server, sent as u64);
    assert_eq!((after.connections, after.open, after.swallowed), (1, 1, 0));
    drop(connection);
    wait_until("the connection is closed", || proxy.traffic().open == 0);
}

#[test]
fn a_swallowed_reply_is_to_a_request_that_was_heard() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let mut connection = connect(&proxy).expect("it listens");
    proxy.swallow_replies();
    let lost = run::<()>(&mut connection, "INCR count").expect_err("no answer comes");
    assert!(lost.is_timeout(), "{lost}");
    assert_eq!(server.ask::<u64>(&["GET", "count"]), 1);
    assert_eq!(proxy.traffic().swallowed, ":1\r\n".len() as u64);
    proxy.pass();
    wait_until("the torn connection is closed", || proxy.traffic().open == 0);
    let mut connection = connect(&proxy).expect("it listens");
    assert_eq!(run::<u64>(&mut connection, "INCR count").expect("it passes"), 2);
}

#[test]
fn a_held_reply_comes_late() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let mut connection = connect(&proxy).expect("it listens");
    connection.set_read_timeout(None).expect("the socket is open");
    proxy.hold_replies();
    let waiting = std::thread::spawn(move || run::<u64>(&mut connection, "INCR count"));
    wait_until("the request has reached the server", || {
        server.ask::<Option<u64>>(&["GET", "count"]) == Some(1)
    });
    assert!(!waiting.is_finished());
    proxy.pass();
    assert_eq!(waiting.join().expect("it does not panic").expect("its answer comes"), 1);
}

#[test]
fn a_black_hole_takes_all_and_gives_nothing() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let mut open = connect(&proxy).expect("it listens");
    proxy.black_hole();
    assert!(run::<Value>(&mut open, "INCR count").expect_err("no answer comes").is_timeout());
    // This library asks before it hands out a connection, so that it does not come as far as a command.
    let fresh = connect(&proxy).and_then(|mut fresh| run::<Value>(&mut fresh, "INCR count"));
    assert!(fresh.expect_err("no answer comes").is_timeout());
    assert_eq!(server.ask::<Option<u64>>(&["GET", "count"]), None);
    assert_eq!(proxy.traffic().connections, 2);
}

#[test]
fn connections_are_cut_and_refused() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let mut connection = connect(&proxy).expect("it listens");
    proxy.refuse();
    run::<Value>(&mut connection, "PING").expect("one that is open goes on");
    assert!(connect(&proxy).err().expect("nothing listens").is_connection_refusal());
    proxy.cut();
    let error = run::<Value>(&mut connection, "PING").expect_err("it was cut");
    assert!(error.is_connection_dropped(), "{error}");
    proxy.pass();
    let mut connection = connect(&proxy).expect("it listens again");
    run::<Value>(&mut connection, "PING").expect("it passes again");
}

#[test]
fn each_direction_is_delayed() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let mut connection = connect(&proxy).expect("it listens");
    connection.set_read_timeout(None).expect("the socket is open");
    let (requests, replies) = (Duration::from_millis(40), Duration::from_millis(60));
    proxy.delay(requests, replies);
    let begun = Instant::now();
    run::<Value>(&mut connection, "PING").expect("it comes late");
    assert!(begun.elapsed() >= requests + replies);
}

#[test]
fn it_leads_to_another_server() {
    let (one, other) = (Server::new(), Server::new());
    other.ask::<()>(&["SET", "key", "value"]);
    let proxy = Proxy::before(&one);
    let mut connection = connect(&proxy).expect("it listens");
    proxy.lead_to(other.port());
    assert_eq!(run::<Option<String>>(&mut connection, "GET key").expect("it is open"), None);
    proxy.cut();
    let mut connection = connect(&proxy).expect("it listens");
    assert_eq!(run::<String>(&mut connection, "GET key").expect("it passes"), "value");
}

#[test]
fn a_server_that_is_gone_closes_and_one_that_is_back_serves() {
    let server = Server::new();
    let proxy = Proxy::before(&server);
    let mut connection = connect(&proxy).expect("it listens");
    server.kill9();
    assert!(run::<Value>(&mut connection, "PING").is_err());
    assert!(connect(&proxy).and_then(|mut fresh| run::<Value>(&mut fresh, "PING")).is_err());
    server.restart(crate::Data::Lost);
    run::<Value>(&mut connect(&proxy).expect("it listens"), "PING").expect("it passes again");
}
