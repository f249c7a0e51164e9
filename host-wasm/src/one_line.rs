//! Error messages that quote what they were given stay on one line, whatever that holds.

/// `text` with its control characters written as escapes.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, char| {
        if char.is_control() {
            line.extend(char.escape_default());
        } else {
            line.push(char);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_control_characters_change() {
        assert_eq!(one_line("a \"b\" \\ ü\n\r\t\u{1b}\u{85}."), "a \"b\" \\ ü\\n\\r\\t\\u{1b}\\u{85}.");
    }
}
