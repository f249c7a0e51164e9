//! `Authorization: Bearer <64 hex digits>` (RFC 6750, section 2.1; RFC 9110, section 11.4).

use crate::{ClientId, PrivateKey, Rejection};

/// Reads the `Authorization` headers of a request: the id of whoever sent it. The key itself is wiped.
///
/// The scheme is case-insensitive, and one or more spaces follow it.
///
/// # Errors
/// [`Rejection::MissingCredentials`] without a header, [`Rejection::MalformedCredentials`] for another scheme, a
/// token that is not a key, or more than one header.
pub fn parse_bearer<'a>(mut headers: impl Iterator<Item = &'a [u8]>) -> Result<ClientId, Rejection> {
    let header = headers.next().ok_or(Rejection::MissingCredentials)?;
    if headers.next().is_some() {
        return Err(Rejection::MalformedCredentials);
    }
    parse(header).ok_or(Rejection::MalformedCredentials)
}

fn parse(header: &[u8]) -> Option<ClientId> {
    let (scheme, rest) = header.split_at_checked(b"Bearer".len())?;
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return None;
    }
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    if spaces == 0 {
        return None;
    }
    let token = &rest[spaces..];
    PrivateKey::from_hex(token).ok().as_ref().map(ClientId::of)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";

    fn one(header: &str) -> Result<ClientId, Rejection> {
        parse_bearer([header.as_bytes()].into_iter())
    }

    #[test]
    fn a_bearer_token_is_the_key_in_hex_of_either_case() {
        let id = Ok(ClientId::of(&PrivateKey::from_hex(HEX.as_bytes()).unwrap()));
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert_eq!(one(&format!("{scheme} {HEX}")), id);
            assert_eq!(one(&format!("{scheme}   {HEX}")), id);
            assert_eq!(one(&format!("{scheme} {}", HEX.to_ascii_uppercase())), id);
        }
    }

    #[test]
    fn without_a_header_credentials_are_missing() {
        assert_eq!(parse_bearer(core::iter::empty()), Err(Rejection::MissingCredentials));
    }

    #[test]
    fn anything_else_is_malformed() {
        let headers: [String; 17] = [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            HEX.into(),
            format!("Bearer{HEX}"),
            format!("Bearer\t{HEX}"),
            format!("Basic {HEX}"),
            format!("Token {HEX}"),
            format!(" Bearer {HEX}"),
            format!("Bearer {HEX} "),
            format!("Bearer {HEX},"),
            format!("Bearer \"{HEX}\""),
            format!("Bearer {HEX}0"),
            format!("Bearer {}", &HEX[1..]),
            format!("Bearer {} {}", &HEX[..32], &HEX[32..]),
            format!("Bearer {HEX} {HEX}"),
            format!("Bearer g{}", &HEX[1..]),
        ];
        for header in headers {
            assert_eq!(one(&header), Err(Rejection::MalformedCredentials), "{header:?}");
        }
        assert_eq!(parse_bearer([&[0xFF; 71][..]].into_iter()), Err(Rejection::MalformedCredentials));
    }

    #[test]
    fn two_headers_are_malformed_even_if_they_agree() {
        let header = format!("Bearer {HEX}");
        let headers = [header.as_bytes(), header.as_bytes()];
        assert_eq!(parse_bearer(headers.into_iter()), Err(Rejection::MalformedCredentials));
    }
}
