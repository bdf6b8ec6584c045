//! Why the outer layer of an Azure confidential VM's evidence is refused: one code for each
//! check. What the layer below refuses has the codes of its own kind.

/// Why a vTPM's evidence is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AzureRefusal {
    /// Not a report of the paravisor of the form that is known here.
    #[error("the bytes are no HCL report")]
    Report,
    /// The report is about other hardware than the evidence says.
    #[error("the HCL report is about other hardware")]
    Hardware,
    /// The hardware's report does not vouch for the runtime data.
    #[error("the hardware does not vouch for the runtime data")]
    RuntimeData,
    /// The runtime data name no attestation key, or one that is not RSA with 2048 bits.
    #[error("the runtime data hold no usable attestation key")]
    Key,
    /// The vTPM signed something else than a quote.
    #[error("the vTPM signed no quote")]
    Quote,
    /// The signature of the quote is wrong.
    #[error("the signature of the vTPM's quote is wrong")]
    Signature,
    /// The quote is over other registers than PCR 0 to 23 of the SHA-256 bank.
    #[error("the vTPM's quote selects other registers")]
    Selection,
    /// The registers shown are not the quoted ones.
    #[error("the registers are not those of the vTPM's quote")]
    Pcrs,
    /// The TDX quote is of another domain than the report inside the HCL report.
    #[error("the layers are of different machines")]
    Layer,
}

impl AzureRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Report => "evidence.azure_report",
            Self::Hardware => "evidence.azure_hardware",
            Self::RuntimeData => "evidence.azure_runtime_data",
            Self::Key => "evidence.azure_key",
            Self::Quote => "evidence.azure_quote",
            Self::Signature => "evidence.azure_signature",
            Self::Selection => "evidence.azure_selection",
            Self::Pcrs => "evidence.azure_pcrs",
            Self::Layer => "evidence.azure_layer",
        }
    }
}
