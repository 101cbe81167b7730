//! Whose signatures count: our root, and any lists the operator adds. Not a network: nothing named in a file is ever fetched.

use std::fmt;
use std::sync::Arc;

use c2pa::Context;
use x509_cert::Certificate;
use x509_cert::der::DecodePem;

use super::pki::PkiError;

/// Roots that make a valid signature a trusted one, ready for many checks.
#[derive(Clone)]
pub struct TrustAnchors {
    context: Arc<Context>,
    root_pem: Arc<str>,
    lists: usize,
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustAnchors").field("lists", &self.lists).finish_non_exhaustive()
    }
}

impl TrustAnchors {
    /// Our root (one PEM certificate) and other lists (each PEM text of one or more certificates).
    pub fn new(root_pem: &str, others: &[&str]) -> Result<Self, PkiError> {
        let unreadable = |reason: String| PkiError::Part { part: "trust anchor", reason };
        Certificate::from_pem(root_pem).map_err(|e| unreadable(e.to_string()))?;
        for list in others {
            if Certificate::load_pem_chain(list.as_bytes()).map_err(|e| unreadable(e.to_string()))?.is_empty() {
                return Err(unreadable("it holds no certificate".to_owned()));
            }
        }
        let lists = (!others.is_empty()).then(|| others.join("\n"));
        let settings = serde_json::json!({
            "trust": { "user_anchors": root_pem, "trust_anchors": lists },
            // Reading a file must not make this machine call another one.
            "verify": { "remote_manifest_fetch": false, "ocsp_fetch": false },
            // Identities of anyone in the chain are looked at by us, and are no part of the verdict about the file.
            "core": { "decode_identity_assertions": false, "allowed_network_hosts": [], "max_decompressed_manifest_size_in_mb": 16 },
            "builder": { "thumbnail": { "enabled": false } },
        });
        let context = Context::new().with_settings(settings).map_err(|e| unreadable(e.to_string()))?;
        Ok(Self { context: context.into_shared(), root_pem: root_pem.into(), lists: others.len() })
    }

    /// Our root, PEM.
    pub(super) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The engine's settings, shared by every check.
    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }
}
