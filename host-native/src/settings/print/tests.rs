//! What is printed is read back as the same, and no option is missing from it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::*;
use crate::settings::from_args;
use crate::settings::invocation::{CommandLine, read_file};

/// The packaged file of all options, relative to this package.
const EXAMPLE: &str = "packaging/rendezvous.toml";

/// Every option with a value that is not its default, but for the folder of the simulator, which has to be there.
const GIVEN: [(&str, &str); 39] = [
    ("udp-listen", "127.0.0.1:1,[::1]:2"),
    ("udp-threads", "4"),
    ("http-listen", "127.0.0.1:3"),
    ("admin-listen", "127.0.0.1:4"),
    ("advertise-udp-port", "5024"),
    ("pulse-interval", "1m 30s 5ms"),
    ("pulse-grace", "200ms"),
    ("error-time", "1h"),
    ("reply-width", "4"),
    ("store", "redb:/var/lib/a folder/\"quoted\".redb"),
    ("log-level", "trace"),
    ("log-format", "json"),
    ("max-clients", "7"),
    ("limit-registrations", "1/s burst 2"),
    ("limit-registrations-per-site", "3/m"),
    ("limit-registrations-in-total", "none"),
    ("limit-unknown-pulses", "4/h burst 5"),
    ("limit-lookups", "6/s"),
    ("max-connections", "8"),
    ("max-connections-per-address", "9"),
    ("no-limits", "true"),
    ("max-header-bytes", "9000"),
    ("max-headers", "10"),
    ("max-uri-bytes", "11"),
    ("max-body-bytes", "0"),
    ("header-timeout", "1s"),
    ("body-timeout", "2s"),
    ("idle-timeout", "3s"),
    ("handshake-timeout", "4s"),
    ("tls-cert", "/etc/rendezvous/cert.pem"),
    ("tls-key", "/etc/rendezvous/key.pem"),
    ("allow-plain-http", "true"),
    ("trusted-proxies", "10.0.0.0/8,fd00::/8"),
    ("proxy-protocol", "true"),
    ("store-user", "node"),
    ("store-password-file", "/etc/rendezvous/store-password"),
    ("store-prefix", "mine:"),
    ("store-timeout", "1s"),
    ("store-replicas", "1"),
];

fn settings(flags: &[String]) -> Settings {
    from_args([&["rendezvous".to_owned()], flags].concat()).unwrap_or_else(|error| panic!("{error:?}"))
}

fn from_text(text: &str) -> Settings {
    toml::from_str::<Options>(text).unwrap().check().unwrap()
}

/// The flags of [`GIVEN`].
fn given() -> Vec<String> {
    GIVEN.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

/// What the command line takes and a file does, too: the name, what it is about, and under which heading.
fn options() -> Vec<(String, String, Option<String>)> {
    let not_in_a_file = ["config", "check-config", "print-config"];
    let command = CommandLine::command();
    let arguments = command.get_arguments().filter_map(|argument| {
        let name = argument.get_long().filter(|name| !not_in_a_file.contains(name))?;
        let help = argument.get_help().expect("every option is explained").to_string();
        Some((name.to_owned(), help, argument.get_help_heading().map(str::to_owned)))
    });
    arguments.collect()
}

/// The options in such a text.
fn keys(text: &str) -> BTreeSet<String> {
    text.lines().map(|line| line.split_once(" = ").expect("an option a line").0.to_owned()).collect()
}

#[test]
fn the_defaults_are_read_back_as_the_same() {
    let defaults = settings(&[]);
    let text = defaults.to_toml().unwrap();
    assert_eq!(from_text(&text), defaults, "{text}");
    assert_eq!(from_text(&text).to_toml().unwrap(), text);
}

#[test]
fn every_option_is_printed_and_read_back_as_the_same() {
    let page = std::env::temp_dir().join(format!("rendezvous-print-{}", std::process::id()));
    std::fs::create_dir_all(&page).unwrap();
    std::fs::write(page.join("index.html"), "").unwrap();
    let everything = settings(&[given(), vec![format!("--simulator={}", page.display())]].concat());
    let text = everything.to_toml().unwrap();
    let options: BTreeSet<String> = options().into_iter().map(|(name, ..)| name).collect();
    // But for this one: every limit that it lifts is given.
    assert!(text.contains("no-limits = false"), "{text}");
    assert_eq!(keys(&text), options, "{text}");
    assert_eq!(from_text(&text), everything, "{text}");
    assert_eq!(from_text(&text).to_toml().unwrap(), text);
    let defaults = settings(&[]).to_toml().unwrap();
    for line in text.lines().filter(|line| !line.starts_with("no-limits")) {
        assert!(!defaults.lines().any(|default| default == line), "{line} is no test: it is the default");
    }
    std::fs::remove_dir_all(page).unwrap();
}

#[test]
fn no_limits_are_read_back_as_none() {
    for flags in [&["--no-limits"][..], &["--no-limits", "--max-connections=7", "--limit-lookups=5/m"]] {
        let unlimited = settings(&flags.iter().map(ToString::to_string).collect::<Vec<_>>());
        let text = unlimited.to_toml().unwrap();
        assert!(text.contains("no-limits = true"), "{text}");
        assert_eq!(from_text(&text), unlimited, "{text}");
    }
}

#[test]
fn what_toml_cannot_hold_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let not_text = PathBuf::from(std::ffi::OsString::from_vec(vec![b'/', 0xFF]));
    let with_store =
        Settings { store: crate::settings::Store::Redb(not_text.clone()), ..settings(&[]) }.to_toml();
    let with_page = Settings { simulator: Some(not_text), ..settings(&[]) }.to_toml();
    for error in [with_store, with_page] {
        assert!(error.unwrap_err().to_string().starts_with("the settings cannot be written as TOML: "));
    }
}

#[test]
fn the_largest_number_is_read_back_as_the_same() {
    let flag = format!("--max-body-bytes={}", usize::MAX);
    let largest = settings(&[flag]);
    assert_eq!(from_text(&largest.to_toml().unwrap()), largest);
}

#[test]
fn no_option_takes_a_secret() {
    for (name, ..) in options() {
        let names_one = ["key", "secret", "token", "password", "credential", "bearer"];
        let of_a_secret = name.split('-').any(|word| names_one.contains(&word));
        // The paths of files.
        let is_a_path = ["tls-key", "store-password-file"].contains(&&*name);
        assert!(!of_a_secret || is_a_path, "--{name} shows in the list of processes");
    }
}

/// The example, line by line: all options with what they are about, and their defaults, or if there is none, some value.
fn example() -> String {
    let (defaults, given) = (settings(&[]).to_toml().unwrap(), settings(&given()).to_toml().unwrap());
    let value_of = |name: &str| {
        let key = format!("{name} = ");
        // A number that differs from machine to machine is no example.
        let line = defaults.lines().find(|line| line.starts_with(&key) && name != "udp-threads");
        line.or_else(|| given.lines().find(|line| line.starts_with(&key))).map(str::to_owned)
    };
    let mut text = String::from(
        "# Options of the rendezvous server. Each is also a flag, and a variable of the environment, which win over this file.\n\
         # To change one, remove the # in front of its name. `rendezvous --config FILE --check-config` says whether all is well.\n",
    );
    let mut under = None;
    for (name, help, heading) in options() {
        if heading != under {
            text += &format!("\n\n# {}\n", heading.as_deref().unwrap_or_default());
            under = heading;
        }
        let line = value_of(&name).unwrap_or_else(|| format!("{name} = \"/usr/share/rendezvous/simulator\""));
        text += &format!("\n# {help}\n#{line}\n");
    }
    text
}

#[test]
fn the_packaged_example_has_every_option_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE);
    let example = example();
    if std::env::var_os("RENDEZVOUS_WRITE_EXAMPLE").is_some() {
        std::fs::write(&path, &example).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, example, "{EXAMPLE} is out of date: run this test with RENDEZVOUS_WRITE_EXAMPLE=1");

    // As it is it changes nothing, and each of its options is one that the server knows.
    assert_eq!(read_file(&path).unwrap().check().unwrap(), settings(&[]));
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix('#')).collect();
    let options: Vec<_> = lines.iter().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    assert_eq!(options.len(), self::options().len());
    for option in options {
        toml::from_str::<Options>(option).unwrap_or_else(|error| panic!("{option}: {error}"));
    }
}
