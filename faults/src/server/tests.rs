use super::*;

#[test]
fn it_answers_alone_in_its_folder() {
    let (one, other) = (Server::new(), Server::new());
    one.ask::<()>(&["SET", "key", "value"]);
    assert_eq!(one.ask::<String>(&["GET", "key"]), "value");
    assert_eq!(other.ask::<Option<String>>(&["GET", "key"]), None);
    assert_ne!(one.port(), other.port());
    one.flush_all();
    assert_eq!(one.ask::<u64>(&["DBSIZE"]), 0);
    assert_eq!(one.cli::<()>(&["NONSENSE"]).expect_err("there is no such command").code(), Some("ERR"));
}

#[test]
fn it_is_gone_with_its_value_even_in_a_panic() {
    let seen = Mutex::new(None);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let server = Server::new();
        *seen.lock().unwrap() = Some((server.socket(), server.port()));
        panic!("a test fails");
    }));
    assert!(panicked.is_err());
    let (socket, port) = seen.into_inner().unwrap().expect("it had started");
    assert!(!socket.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn killed_it_keeps_what_its_disk_has() {
    let server = Server::with(Options::default().durable());
    let (port, first) = (server.port(), server.process_id());
    server.ask::<()>(&["SET", "key", "value"]);
    server.kill9();
    assert_eq!(server.process_id(), None);
    assert!(server.cli::<Value>(&["PING"]).is_err());
    server.restart(Data::Kept);
    assert_eq!(server.ask::<String>(&["GET", "key"]), "value");
    assert_eq!(server.port(), port);
    assert_ne!(server.process_id(), first);
}

#[test]
fn restarted_it_keeps_or_loses_what_it_held() {
    let server = Server::new();
    server.ask::<()>(&["SET", "key", "value"]);
    server.stop();
    server.restart(Data::Kept);
    assert_eq!(server.ask::<String>(&["GET", "key"]), "value");
    server.restart(Data::Lost);
    assert_eq!(server.ask::<Option<String>>(&["GET", "key"]), None);
    server.ask::<()>(&["SET", "key", "value"]);
    server.kill9();
    server.restart(Data::Kept);
    assert_eq!(server.ask::<Option<String>>(&["GET", "key"]), None, "nothing of it was on disk");
}

#[test]
fn stopped_it_takes_connections_and_does_not_answer() {
    let server = Server::new();
    server.stop();
    let client = redis::Client::open(server.url()).expect("the address is well-formed");
    let answer = client.get_connection_with_timeout(Duration::from_millis(200)).and_then(|mut connection| {
        connection.set_read_timeout(Some(Duration::from_millis(200)))?;
        redis::cmd("PING").query::<String>(&mut connection)
    });
    assert!(answer.expect_err("it is stopped").is_timeout());
    server.cont();
    assert_eq!(server.ask::<String>(&["PING"]), "PONG");
}

#[test]
fn users_may_do_what_their_rules_say() {
    let server = Server::with(Options::default().password("secret").user("reader", "word", "~a* +get"));
    let as_user = |url: String, command: &[&str]| {
        let mut connection = redis::Client::open(url)?.get_connection()?;
        redis::Cmd::new().arg(command).query::<Value>(&mut connection)
    };
    assert!(as_user(server.url(), &["SET", "a", "1"]).is_ok());
    assert!(as_user(server.url_of("reader", "word"), &["GET", "a"]).is_ok());
    let denied = as_user(server.url_of("reader", "word"), &["SET", "a", "1"]).expect_err("it may only read");
    assert_eq!(denied.code(), Some("NOPERM"));
    assert!(as_user(server.url_of("reader", "wrong"), &["GET", "a"]).is_err());
    assert!(as_user(server.socket_url(), &["GET", "a"]).is_err(), "that would be without a password");
}

#[test]
fn it_listens_with_tls() {
    let server = Server::with(Options::default().tls());
    let (url, certificate) = server.tls_url();
    assert!(certificate.exists());
    let port = url.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    let port = port.expect("it ends with a port").expect("a port is a number");
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    // A client that does not speak TLS is sent away without an answer in plain text.
    std::io::Write::write_all(&mut stream, b"PING\r\n").expect("it takes bytes");
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    assert!(!answer.starts_with(b"+PONG"), "{answer:?}");
}

#[test]
fn a_wrong_option_is_said() {
    let panicked = std::panic::catch_unwind(|| Server::with(Options::default().set("maxmemory", "much")));
    let said = panicked.expect_err("it cannot start");
    let said = said.downcast_ref::<String>().expect("it is said in words");
    assert!(said.contains("maxmemory"), "{said}");
}

#[test]
fn commands_are_counted() {
    let server = Server::new();
    server.reset_stats();
    for _ in 0..3 {
        server.ask::<()>(&["SET", "key", "value"]);
    }
    assert_eq!(server.command_stats("set").calls, 3);
    assert_eq!(server.command_stats("get"), CommandStats::default());
    assert!(server.commands_run() >= 3);
    assert_eq!(server.info("tcp_port"), server.port().to_string());
}

#[test]
fn it_loads_slowly() {
    let server = Server::new();
    server.ask::<()>(&["SET", "key", "value"]);
    server.restart_loading(Duration::from_secs(2));
    assert_eq!(server.cli::<String>(&["GET", "key"]).expect_err("it is loading").code(), Some("LOADING"));
    wait_until("it has loaded", || server.cli::<String>(&["GET", "key"]).is_ok_and(|value| value == "value"));
}
