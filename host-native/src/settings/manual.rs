//! The command line as shells and people want to be told of it: completions, and the manual page.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::invocation::CommandLine;

/// What makes `shell` complete the options and commands of `rendezvous`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut CommandLine::command(), "rendezvous", &mut script);
    script
}

/// The manual page, as roff: one page, with all commands.
///
/// # Errors
/// None: what it writes to is in memory.
pub fn man_page() -> io::Result<Vec<u8>> {
    let mut command = CommandLine::command();
    command.build();
    let page = Man::new(command.clone()).manual("rendezvous").section("1");
    let mut text = vec![];
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    // Not the library's own section: it refers to pages that are not there.
    let mut commands = Roff::new();
    commands.control("SH", ["COMMANDS"]);
    describe_commands(&command, &mut commands);
    commands.to_writer(&mut text)?;
    page.render_version_section(&mut text)?;
    Ok(text)
}

/// Describes each command that does something, those within groups of commands included.
fn describe_commands(of: &clap::Command, page: &mut Roff) {
    for command in of.get_subcommands() {
        if command.has_subcommands() {
            describe_commands(command, page);
            continue;
        }
        let usage = command.clone().render_usage().to_string();
        page.control("SS", [usage.trim_start_matches("Usage: ")]);
        page.text([roman(command.get_about().map(ToString::to_string).unwrap_or_default())]);
        for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
            let name = argument.get_long().map_or_else(
                || italic(argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default()),
                |long| bold(format!("--{long}")),
            );
            page.control("TP", []);
            page.text([name]);
            page.text([roman(argument.get_help().map(ToString::to_string).unwrap_or_default())]);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn lines_of(text: Vec<u8>) -> String {
        String::from_utf8(text).unwrap()
    }

    /// Every flag and every command, those within others included.
    fn names(of: &clap::Command) -> Vec<String> {
        let mut names: Vec<_> =
            of.get_arguments().filter_map(|arg| arg.get_long()).map(|long| long.to_owned()).collect();
        for command in of.get_subcommands() {
            names.push(command.get_name().to_owned());
            names.extend(self::names(command));
        }
        names
    }

    #[test]
    fn every_flag_and_command_is_completed_in_every_shell() {
        let names = names(&CommandLine::command());
        assert!(names.iter().any(|name| name == "udp-listen") && names.iter().any(|name| name == "import"));
        for &shell in Shell::value_variants() {
            let script = lines_of(completions(shell));
            for name in &names {
                assert!(script.contains(name.as_str()), "{shell} does not know {name}");
            }
        }
    }

    #[test]
    fn every_flag_and_command_is_in_the_manual() {
        let page = lines_of(man_page().unwrap()).replace("\\-", "-");
        assert!(page.contains(".TH rendezvous 1"), "{page}");
        for name in names(&CommandLine::command()) {
            assert!(page.contains(&name), "nothing of {name} in {page}");
        }
        assert!(!page.contains("rendezvous-store"), "there is no such page");
    }
}
