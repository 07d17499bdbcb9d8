//! Findings about evidence.

use serde::Serialize;

/// A finding.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Finding {
    /// Its kind.
    pub code: Wrong,
    /// Its subject: an hour, the key of an object, or a notification.
    pub subject: String,
    /// Details; may be empty.
    pub detail: String,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// An hour has no seal though a later one has.
    SealMissing,
    /// No seal was made for hours.
    SealOverdue,
    /// A seal's format is wrong.
    SealUnreadable,
    /// There is more than one version of a seal.
    SealReplaced,
    /// A seal is marked as deleted.
    SealHidden,
    /// The chain within a seal does not match its content.
    ChainBroken,
    /// A seal does not follow from its predecessor.
    ChainParted,
    /// An expected head is in no seal.
    HeadMissing,
    /// A sealed object no longer exists.
    ObjectRemoved,
    /// An object differs from the sealed one.
    ObjectChanged,
    /// An object is in an hour that was sealed without it.
    ObjectAdded,
    /// An object is marked as deleted.
    ObjectHidden,
    /// An object's key is not one of Arauto's.
    ObjectMisplaced,
    /// A line is not a record.
    RecordMalformed,
    /// Two records of one write differ.
    RecordContradicted,
    /// The data of an ended attempt was changed.
    RecordRewritten,
    /// A record is missing.
    RecordMissing,
    /// There are more than three attempts, or two with one number.
    TooManyAttempts,
    /// An attempt began after one that was delivered.
    AttemptAfterDelivery,
    /// An attempt began and never ended.
    AttemptNeverEnded,
    /// The ledger was changed by hand.
    LedgerTampered,
    /// A row of the ledger could not be read.
    LedgerUnreadable,
}

impl Wrong {
    /// Returns a sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::SealMissing => "the hour has no seal, though a later one has",
            Self::SealOverdue => {
                "no hour since this one was sealed: the task does not run, or seals were removed"
            }
            Self::SealUnreadable => "the seal cannot be read",
            Self::SealReplaced => "there is more than one version of the seal; the oldest counts",
            Self::SealHidden => "the seal is marked as deleted",
            Self::ChainBroken => "the seal's chain does not match its content",
            Self::ChainParted => "the seal does not follow from the one before it",
            Self::HeadMissing => "no seal has this head",
            Self::ObjectRemoved => "the object was sealed and is gone",
            Self::ObjectChanged => "the object differs from the sealed one",
            Self::ObjectAdded => "the object is in an hour that was sealed without it",
            Self::ObjectHidden => "the object is marked as deleted",
            Self::ObjectMisplaced => "the object's key is not one of Arauto's",
            Self::RecordMalformed => "the line is no record",
            Self::RecordContradicted => "two records of one write contradict each other",
            Self::RecordRewritten => "the record of an ended attempt was changed in the ledger",
            Self::RecordMissing => "a record is missing",
            Self::TooManyAttempts => "there are too many attempts",
            Self::AttemptAfterDelivery => "an attempt began after one that was delivered",
            Self::AttemptNeverEnded => "an attempt began and never ended",
            Self::LedgerTampered => {
                "somebody changed or deleted the notification's row of the ledger by hand"
            }
            Self::LedgerUnreadable => "the notification's row of the ledger could not be read",
        }
    }

    /// Returns the same sentence in Brazilian Portuguese.
    pub fn sentence_pt_br(self) -> &'static str {
        match self {
            Self::SealMissing => "a hora não tem selo, embora uma posterior tenha",
            Self::SealOverdue => {
                "nenhuma hora desde esta foi selada: a tarefa não roda, ou selos foram removidos"
            }
            Self::SealUnreadable => "o selo não pode ser lido",
            Self::SealReplaced => "há mais de uma versão do selo; vale a mais antiga",
            Self::SealHidden => "o selo está marcado como excluído",
            Self::ChainBroken => "a cadeia do selo não corresponde ao conteúdo dele",
            Self::ChainParted => "o selo não decorre do anterior",
            Self::HeadMissing => "nenhum selo tem esta cabeça",
            Self::ObjectRemoved => "o objeto foi selado e não existe mais",
            Self::ObjectChanged => "o objeto difere do que foi selado",
            Self::ObjectAdded => "o objeto está em uma hora que foi selada sem ele",
            Self::ObjectHidden => "o objeto está marcado como excluído",
            Self::ObjectMisplaced => "a chave do objeto não é uma do Arauto",
            Self::RecordMalformed => "a linha não é um registro",
            Self::RecordContradicted => "dois registros de uma mesma gravação se contradizem",
            Self::RecordRewritten => "o registro de uma tentativa encerrada foi alterado no ledger",
            Self::RecordMissing => "falta um registro",
            Self::TooManyAttempts => "há tentativas demais",
            Self::AttemptAfterDelivery => "uma tentativa começou depois de outra que foi entregue",
            Self::AttemptNeverEnded => "uma tentativa começou e nunca terminou",
            Self::LedgerTampered => "alguém alterou ou excluiu à mão a linha da notificação no ledger",
            Self::LedgerUnreadable => "a linha da notificação no ledger não pôde ser lida",
        }
    }

    /// Says whether it is about a notification, whose id is the subject of the finding.
    pub fn is_of_notification(self) -> bool {
        match self {
            Self::RecordContradicted
            | Self::RecordRewritten
            | Self::RecordMissing
            | Self::TooManyAttempts
            | Self::AttemptAfterDelivery
            | Self::AttemptNeverEnded
            | Self::LedgerTampered
            | Self::LedgerUnreadable => true,
            Self::SealMissing
            | Self::SealOverdue
            | Self::SealUnreadable
            | Self::SealReplaced
            | Self::SealHidden
            | Self::ChainBroken
            | Self::ChainParted
            | Self::HeadMissing
            | Self::ObjectRemoved
            | Self::ObjectChanged
            | Self::ObjectAdded
            | Self::ObjectHidden
            | Self::ObjectMisplaced
            | Self::RecordMalformed => false,
        }
    }
}

impl Finding {
    /// Creates a finding.
    #[expect(clippy::needless_pass_by_value, reason = "values and references alike")]
    pub fn new(code: Wrong, subject: impl ToString, detail: impl Into<String>) -> Self {
        Self { code, subject: subject.to_string(), detail: detail.into() }
    }
}
