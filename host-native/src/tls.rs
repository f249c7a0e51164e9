//! HTTPS: the certificate, and how another takes its place while connections go on.

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::{fmt, io};

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::settings::TlsFiles;

/// What is shown to clients.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

/// A certificate or key that cannot be used. Printed it is one line.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub(crate) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(configure(files)?), files: files.clone() })
    }

    /// Reads both files again. Connections from now on are shown what they say; those that are open stay as they are.
    ///
    /// # Errors
    /// [`TlsError`]; then nothing changes.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let config = configure(&self.files)?;
        *self.current.write().expect("replacing does not panic") = config;
        Ok(())
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// If it does not speak TLS, or has other ideas of it.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.current.read().expect("replacing does not panic"));
        TlsAcceptor::from(config).accept(stream).await
    }
}

fn configure(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |flag, path: &Path, what: &dyn fmt::Display| {
        TlsError(format!("{flag}: {} cannot be used: {what}", path.display()))
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|error| failed("--tls-cert", &files.cert, &Pem(error)))?;
    if chain.is_empty() {
        return Err(failed("--tls-cert", &files.cert, &"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| failed("--tls-key", &files.key, &Pem(error)))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                failed("--tls-key", &files.key, &"it is not the certificate's key")
            } else {
                failed("--tls-cert", &files.cert, &error)
            }
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What is wrong with a PEM file, without quoting any of it: it may be a key.
struct Pem(PemError);

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let PemError::Io(error) = &self.0 {
            return error.fmt(f);
        }
        f.write_str(if matches!(self.0, PemError::NoItemsFound) {
            "there is none in it"
        } else {
            "it is not well-formed PEM"
        })
    }
}
