//! Certificates made for the occasion, and clients that believe in them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SerialNumber};
use rendezvous_tests::directory::Directory;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::peers::{Connection, connect};

/// The name in all certificates, beside that of this machine to itself.
pub(crate) const NAME: &str = "rendezvous.test";

/// Whoever signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    pem: String,
}

/// A certificate and its key.
pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
}

/// The files of a server.
pub(crate) struct Files {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

pub(crate) type TlsConnection = Connection<StreamOwned<ClientConnection, TcpStream>>;

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let (pem, root) = (root.pem(), root.der().clone());
        Self { issuer: Issuer::new(params, key), root, pem }
    }

    /// A certificate with this serial number.
    pub(crate) fn certify(&self, serial: u64) -> Certificate {
        let mut params = CertificateParams::new(vec![NAME.to_owned(), "localhost".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate { der: certificate.der().clone(), pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// The certificate to trust, as a file.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// What a client that trusts only this needs to know.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

impl Files {
    /// Writes the files of a server.
    pub(crate) fn write(directory: &Directory, certificate: &Certificate) -> Self {
        Self {
            cert: directory.write("cert.pem", &certificate.pem),
            key: directory.write("key.pem", &certificate.key_pem),
        }
    }

    /// The flags that name them.
    pub(crate) fn flags(&self) -> [String; 2] {
        [format!("--tls-cert={}", self.cert.display()), format!("--tls-key={}", self.key.display())]
    }
}

/// Connects, and shakes hands. Returns the certificate that was shown, too.
pub(crate) fn connect_tls(
    config: &Arc<ClientConfig>,
    from: Ipv4Addr,
    server: SocketAddr,
) -> io::Result<(TlsConnection, CertificateDer<'static>)> {
    let mut stream = connect(from, server)?;
    let name = ServerName::try_from(NAME).expect("a name");
    let mut session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    let shown = session.peer_certificates().and_then(<[_]>::first).cloned();
    let shown = shown.ok_or_else(|| io::Error::other("no certificate"))?;
    Ok((Connection::new(StreamOwned::new(session, stream)), shown.into_owned()))
}
