//! How to use a store that nodes share, and who the node is to it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::InvalidSettings;
use crate::shared::{Credentials, Durability, SharedOptions, StoreAddress};

/// What keys of a shared store begin with, unless told otherwise.
pub const DEFAULT_STORE_PREFIX: &str = "rendezvous:";

/// Where the password may be, beside a file. There is no option for it: others see command lines.
const PASSWORD: &str = "RENDEZVOUS_STORE_PASSWORD";

/// How long a registration or logout waits for replicas. They answer within milliseconds, or are away.
const REPLICAS_PATIENCE: Duration = Duration::from_secs(1);

/// How to use a store that nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSettings {
    /// The user that the node is; `None` for the store's default user.
    pub user: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// What all keys begin with.
    pub prefix: String,
    /// How long a call may take.
    pub timeout: Duration,
    /// How many replicas registrations and logouts wait for.
    pub replicas: u32,
}

impl Default for SharedSettings {
    fn default() -> Self {
        Self {
            user: None,
            password_file: None,
            prefix: DEFAULT_STORE_PREFIX.into(),
            timeout: Duration::from_millis(250),
            replicas: 0,
        }
    }
}

impl SharedSettings {
    /// What these settings come to for the store at `address`; reads the password.
    ///
    /// # Errors
    /// [`InvalidSettings`] if the file with the password cannot be read.
    pub fn options(&self, address: StoreAddress) -> Result<SharedOptions, InvalidSettings> {
        Ok(SharedOptions {
            address,
            credentials: self.credentials()?,
            prefix: self.prefix.clone(),
            patience: self.timeout,
            durability: Durability { replicas: self.replicas, patience: REPLICAS_PATIENCE },
        })
    }

    pub(super) fn credentials(&self) -> Result<Credentials, InvalidSettings> {
        let password = match &self.password_file {
            None => std::env::var(PASSWORD).ok().filter(|password| !password.is_empty()),
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| {
                    InvalidSettings(format!("--store-password-file: {}: {error}", file.display()))
                })?;
                // Whoever writes one with an editor ends it with a line break.
                let password = text.strip_suffix('\n').map_or(&*text, |text| text.trim_end_matches('\r'));
                Some(password.to_owned()).filter(|password| !password.is_empty())
            }
        };
        if self.user.is_some() && password.is_none() {
            return Err(InvalidSettings(format!(
                "--store-user needs a password: give --store-password-file, or set {PASSWORD}"
            )));
        }
        Ok(Credentials { user: self.user.clone(), password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_the_file_holds_without_its_line_break() {
        let file = std::env::temp_dir().join(format!("rendezvous-password-{}", std::process::id()));
        let settings = SharedSettings {
            user: Some("node".into()),
            password_file: Some(file.clone()),
            ..SharedSettings::default()
        };
        for (text, password) in [("secret", "secret"), ("secret\n", "secret"), ("s p \r\n", "s p ")] {
            fs::write(&file, text).unwrap();
            let credentials = settings.credentials().unwrap();
            assert_eq!(credentials.password.as_deref(), Some(password), "{text:?}");
            assert!(!format!("{credentials:?}").contains("s p"), "{credentials:?}");
        }
        fs::write(&file, "\n").unwrap();
        assert!(settings.credentials().unwrap_err().to_string().contains("needs a password"));
        fs::remove_file(&file).unwrap();
        let error = settings.credentials().unwrap_err().to_string();
        assert!(error.starts_with("--store-password-file: ") && error.contains("No such file"), "{error}");
    }
}
