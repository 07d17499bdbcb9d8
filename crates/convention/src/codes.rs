//! The stable codes of the ledger, the logs and the dead-letter queue: one row for each way in which a
//! message can end.
//!
//! `docs/outcomes.md` is generated from this table. Each sentence can be forwarded to the receiver unchanged;
//! the sentence of a fault of ours says what we do about it.

use std::fmt;

/// Where the cause of a failure lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FailureClass {
    /// The receiver's answer was not a success.
    Receiver,
    /// The connection was not made, or it broke.
    Network,
    /// The TLS handshake failed.
    Tls,
    /// The registration cannot be used, or nothing is to be sent under it.
    Directory,
    /// A component of ours failed, or the attempt was interrupted on our side.
    Ours,
}

impl FailureClass {
    /// Returns the class as logs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Network => "network",
            Self::Tls => "tls",
            Self::Directory => "directory",
            Self::Ours => "ours",
        }
    }
}

/// What happens to the notification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// An attempt was made and accepted.
    Delivered,
    /// An attempt was made and failed; another follows, up to the third.
    Failed,
    /// The message returns to the queue. No attempt was made.
    Requeued,
    /// The message or notification ends without a further attempt.
    Ended,
}

impl Effect {
    /// Says whether the code consumes one of the three attempts.
    pub fn consumes_an_attempt(self) -> bool {
        match self {
            Self::Delivered | Self::Failed => true,
            Self::Requeued | Self::Ended => false,
        }
    }

    /// Returns the effect as the documentation writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Requeued => "requeued",
            Self::Ended => "ended",
        }
    }
}

/// The description of a code.
#[derive(Debug)]
pub struct CodeRow {
    /// The code itself.
    pub name: &'static str,
    /// What happens to the notification.
    pub effect: Effect,
    /// Where the cause lies; absent where nothing is wrong.
    pub class: Option<FailureClass>,
    /// A sentence in English.
    pub en: &'static str,
    /// The same in Brazilian Portuguese.
    pub pt_br: &'static str,
}

/// Generates the enum, its list and its rows from one table, so that the three always agree.
macro_rules! codes {
    ($($variant:ident $name:literal $effect:ident $class:expr, $en:literal, $pt_br:literal;)*) => {
        /// How a message ended, as a stable code.
        #[expect(clippy::doc_markdown, reason = "the sentences are for people, who read no backticks")]
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Code {
            $(#[doc = $en] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the description of the code.
            pub const fn row(self) -> &'static CodeRow {
                match self {
                    $(Self::$variant => &CodeRow {
                        name: $name,
                        effect: Effect::$effect,
                        class: $class,
                        en: $en,
                        pt_br: $pt_br,
                    },)*
                }
            }
        }
    };
}

const RECEIVER: Option<FailureClass> = Some(FailureClass::Receiver);
const NETWORK: Option<FailureClass> = Some(FailureClass::Network);
const TLS: Option<FailureClass> = Some(FailureClass::Tls);
const DIRECTORY: Option<FailureClass> = Some(FailureClass::Directory);
const OURS: Option<FailureClass> = Some(FailureClass::Ours);
const NOBODY: Option<FailureClass> = None;

codes! {
    Delivered "delivered" Delivered NOBODY,
        "The receiver accepted the notification.",
        "O receptor aceitou a notificação.";

    // Answers of the receiver.
    Nonconformant2xx "nonconformant_2xx" Failed RECEIVER,
        "The receiver answered with a success other than 202, the only one that the convention documents.",
        "O receptor respondeu com um sucesso diferente de 202, o único que a convenção documenta.";
    Redirect "redirect" Failed RECEIVER,
        "The receiver answered with a redirection; these are never followed, so the notifications must be served at the registered URI itself.",
        "O receptor respondeu com um redirecionamento; eles nunca são seguidos, portanto as notificações precisam ser atendidas na própria URI registrada.";
    ClientError "client_error" Failed RECEIVER,
        "The receiver refused the request with a status from 400 to 499; its path, certificate rules and limits should be looked at.",
        "O receptor recusou a requisição com um status de 400 a 499; convém verificar o caminho, as regras de certificado e os limites dele.";
    ServerError "server_error" Failed RECEIVER,
        "The receiver answered with a status from 500 to 599: something behind its address does not work.",
        "O receptor respondeu com um status de 500 a 599: algo por trás do endereço dele não funciona.";
    UnknownStatus "unknown_status" Failed RECEIVER,
        "The receiver answered with a status that is none of HTTP's final ones, which run from 200 to 599.",
        "O receptor respondeu com um status que não é um dos finais do HTTP, que vão de 200 a 599.";
    InvalidResponse "invalid_response" Failed RECEIVER,
        "What the receiver answered is not HTTP/1.1.",
        "O que o receptor respondeu não é HTTP/1.1.";
    AnswerTooLong "answer_too_long" Failed RECEIVER,
        "The receiver sent more than 64 KiB of head, more than 100 header fields or interim answers without end before its status was known.",
        "O receptor enviou mais de 64 KiB de cabeçalhos, mais de 100 campos de cabeçalho ou respostas provisórias sem fim antes de informar o status.";

    // Network.
    Timeout "timeout" Failed NETWORK,
        "The receiver did not answer within the time granted to it: 15 seconds, or 3 while its attempts keep timing out.",
        "O receptor não respondeu no tempo que lhe é concedido: 15 segundos, ou 3 enquanto ele deixa esgotar o tempo de todas as tentativas.";
    ConnectionReset "connection_reset" Failed NETWORK,
        "The receiver closed the connection before its answer was complete.",
        "O receptor encerrou a conexão antes de completar a resposta.";
    ConnectionRefused "connection_refused" Failed NETWORK,
        "Nobody listens at the receiver's address and port.",
        "Ninguém escuta no endereço e na porta do receptor.";
    ConnectTimeout "connect_timeout" Failed NETWORK,
        "No connection to the receiver's address could be made in time; a firewall may be dropping it.",
        "Não foi possível conectar ao endereço do receptor a tempo; um firewall pode estar descartando a conexão.";
    DnsError "dns_error" Failed NETWORK,
        "The receiver's host name has no address, or its name servers do not answer.",
        "O nome de host do receptor não tem endereço, ou os servidores de nomes dele não respondem.";

    // Registered address.
    BlockedAddress "blocked_address" Failed DIRECTORY,
        "The receiver's host name has an address that is not public; nothing was connected to.",
        "O nome de host do receptor tem um endereço que não é público; nenhuma conexão foi feita.";
    InvalidUrl "invalid_url" Failed DIRECTORY,
        "The receiver's registered URI cannot be connected to.",
        "Não é possível conectar à URI registrada do receptor.";

    // TLS handshake.
    UnknownCa "unknown_ca" Failed TLS,
        "The receiver's certificate does not descend from an authority that is trusted here, or its server does not send the intermediate certificates.",
        "O certificado do receptor não descende de uma autoridade em que confiamos, ou o servidor dele não envia os certificados intermediários.";
    HostnameMismatch "hostname_mismatch" Failed TLS,
        "The receiver's certificate is for another name than that of the registered URI.",
        "O certificado do receptor é de um nome diferente do da URI registrada.";
    CertificateExpired "expired" Failed TLS,
        "The receiver's certificate has expired.",
        "O certificado do receptor expirou.";
    CertificateNotYetValid "not_yet_valid" Failed TLS,
        "The receiver's certificate is not valid yet.",
        "O certificado do receptor ainda não é válido.";
    CertificateRevoked "revoked" Failed TLS,
        "The receiver's certificate, or one above it, was revoked.",
        "O certificado do receptor, ou um acima dele, foi revogado.";
    RevocationUnknown "revocation_unknown" Failed TLS,
        "The revocation status of the receiver's certificate is unknown; its authority's revocation list or OCSP responder does not answer.",
        "O estado de revogação do certificado do receptor é desconhecido; a lista de revogação ou o serviço OCSP da autoridade dele não responde.";
    CertificatePurpose "certificate_purpose" Failed TLS,
        "The receiver's certificate is not one for servers: its extended key usage lacks serverAuth.",
        "O certificado do receptor não é de servidor: falta serverAuth no uso estendido da chave.";
    CertificateInvalid "certificate_invalid" Failed TLS,
        "The receiver's certificate cannot be used.",
        "O certificado do receptor não pode ser usado.";
    ChainTooLarge "chain_too_large" Failed TLS,
        "The receiver's server sends more certificates than are looked at: more than 6, more than 16 KiB, or more ways through them than are followed; it should send its own and its intermediate certificates alone.",
        "O servidor do receptor envia mais certificados do que examinamos: mais de 6, mais de 16 KiB ou mais caminhos entre eles do que seguimos; ele deve enviar apenas o seu certificado e os intermediários.";
    ProtocolVersion "protocol_version" Failed TLS,
        "The receiver speaks neither TLS 1.2 nor TLS 1.3, and older versions are not allowed.",
        "O receptor não fala TLS 1.2 nem TLS 1.3, e versões anteriores não são permitidas.";
    NoCommonSuite "no_common_suite" Failed TLS,
        "The receiver offers none of the cipher suites that are allowed: in TLS 1.2, ECDHE-RSA with AES-GCM.",
        "O receptor não oferece nenhuma das cifras permitidas: em TLS 1.2, ECDHE-RSA com AES-GCM.";
    ClientCertificateRefused "client_certificate_refused" Failed TLS,
        "The receiver refused our client certificate; it should trust the authorities of the sender's certificates, intermediates included.",
        "O receptor recusou nosso certificado de cliente; ele precisa confiar nas autoridades dos certificados do transmissor, inclusive nas intermediárias.";
    RenegotiationRefused "renegotiation_refused" Failed TLS,
        "The receiver asked for a second handshake on the connection, which the norm forbids; it should ask for the client certificate in the first one.",
        "O receptor pediu um segundo handshake na conexão, o que a norma proíbe; ele deve pedir o certificado de cliente no primeiro.";
    NoCommonProtocol "no_common_protocol" Failed TLS,
        "The receiver insists on another protocol than HTTP/1.1, such as HTTP/2 alone.",
        "O receptor insiste em um protocolo diferente de HTTP/1.1, como somente HTTP/2.";
    NameNotServed "name_not_served" Failed TLS,
        "The receiver's server does not serve the name of the registered URI.",
        "O servidor do receptor não atende ao nome da URI registrada.";
    NotTls "not_tls" Failed TLS,
        "The server at the receiver's address and port does not speak TLS.",
        "O servidor no endereço e na porta do receptor não fala TLS.";
    HandshakeClosed "handshake_closed" Failed TLS,
        "The receiver, or a proxy in front of it, closed the connection during the TLS handshake without giving a reason.",
        "O receptor, ou um proxy à frente dele, encerrou a conexão durante o handshake TLS sem informar o motivo.";
    TlsHandshake "tls_handshake" Failed TLS,
        "The TLS handshake failed for another reason.",
        "O handshake TLS falhou por outro motivo.";

    // Faults of ours.
    Interrupted "interrupted" Failed OURS,
        "Our process stopped during the attempt, so whether it arrived is not known; the next attempt follows.",
        "Nosso processo parou durante a tentativa, portanto não se sabe se ela chegou; a próxima tentativa se segue.";
    InProgress "in_progress" Requeued OURS,
        "Another process of ours is making this attempt; the message waits until it is done.",
        "Outro processo nosso está fazendo esta tentativa; a mensagem espera até que ele termine.";
    ConcurrencyLimited "concurrency_limited" Requeued OURS,
        "The limit of concurrent attempts to this receiver is reached; the message waits for its turn.",
        "O limite de tentativas simultâneas a este receptor foi atingido; a mensagem espera a sua vez.";
    NotDue "not_due" Requeued OURS,
        "The timer of this message is not due yet; the message waits until then.",
        "O temporizador desta mensagem ainda não venceu; a mensagem espera até lá.";
    ClockSkew "clock_skew" Requeued OURS,
        "Our clock disagrees with that of AWS; the message waits until a process whose clock is right receives it.",
        "Nosso relógio diverge do relógio da AWS; a mensagem espera até que um processo com a hora certa a receba.";
    Panic "panic" Requeued OURS,
        "A defect in our code interrupted the work on this message; the message returns to the queue, and we must fix the defect.",
        "Um defeito em nosso código interrompeu o trabalho nesta mensagem; ela volta à fila, e cabe a nós corrigir o defeito.";
    PrepareTimeout "prepare_timeout" Requeued OURS,
        "A service that we need before an attempt did not answer in time; the message returns to the queue.",
        "Um serviço de que precisamos antes de uma tentativa não respondeu a tempo; a mensagem volta à fila.";
    LedgerUnavailable "ledger_unavailable" Requeued OURS,
        "Our record of attempts does not work at present; no attempt is made without it, and the message returns to the queue.",
        "Nosso registro de tentativas não funciona no momento; nenhuma tentativa é feita sem ele, e a mensagem volta à fila.";
    ReceiversUnavailable "receivers_unavailable" Requeued OURS,
        "Our table of receivers does not work at present; the message returns to the queue.",
        "Nossa tabela de receptores não funciona no momento; a mensagem volta à fila.";
    QueueUnavailable "queue_unavailable" Requeued OURS,
        "Our queue does not accept messages at present; the message being processed returns to the queue.",
        "Nossa fila não aceita mensagens no momento; a mensagem em processamento volta à fila.";
    IdentityUnreadable "identity_unreadable" Requeued OURS,
        "The secret with our certificate cannot be read; the message is requeued until it can.",
        "O segredo com o nosso certificado não pode ser lido; a mensagem volta à fila até que possa.";
    IdentityMissing "identity_missing" Requeued OURS,
        "No certificate is stored for this brand of ours; the message is requeued until one is.",
        "Não há certificado guardado para esta nossa marca; a mensagem volta à fila até que haja.";
    IdentityExpired "identity_expired" Requeued OURS,
        "Our certificate has expired; the message is requeued until a new one is stored.",
        "Nosso certificado expirou; a mensagem volta à fila até que um novo seja armazenado.";
    IdentityNotYetValid "identity_not_yet_valid" Requeued OURS,
        "Our certificate is not valid yet; the message is requeued until it is.",
        "Nosso certificado ainda não é válido; a mensagem volta à fila até que seja.";
    IdentityUnusable "identity_unusable" Requeued OURS,
        "Our certificate and key cannot be used together; the message is requeued until they are stored anew.",
        "Nosso certificado e nossa chave não podem ser usados juntos; a mensagem volta à fila até que sejam armazenados de novo.";
    MissingAuthorisationServerId "missing_authorisation_server_id" Requeued OURS,
        "Our configuration names no authorisation server for this brand; the message is requeued until it does.",
        "Nossa configuração não indica um servidor de autorização para esta marca; a mensagem volta à fila até que indique.";
    RevocationUnavailable "revocation_unavailable" Requeued OURS,
        "Our data on revoked certificates has not been refreshed for too long; the message is requeued until it is.",
        "Nossos dados sobre certificados revogados não são atualizados há tempo demais; a mensagem volta à fila até que sejam.";
    NetworkUnavailable "network_unavailable" Requeued OURS,
        "Our own machine or network refuses to connect; the message is requeued until it does.",
        "Nossa própria máquina ou rede se recusa a conectar; a mensagem volta à fila até que conecte.";
    ResolverUnavailable "resolver_unavailable" Requeued OURS,
        "Our resolver does not resolve names, not even one of our own; the message is requeued until it does.",
        "Nosso resolvedor não resolve nomes, nem mesmo um nome nosso; a mensagem volta à fila até que resolva.";
    EgressUnavailable "egress_unavailable" Requeued OURS,
        "None of several receivers could be reached for half a minute, so our own outbound network is at fault; the message is requeued until one is reached.",
        "Não alcançamos nenhum de vários receptores durante meio minuto, portanto a falha é da nossa própria saída de rede; a mensagem volta à fila até que um deles seja alcançado.";
    SigningUnavailable "signing_unavailable" Requeued OURS,
        "KMS did not sign the handshake with the key of our certificate; the message is requeued until it does.",
        "O KMS não assinou o handshake com a chave do nosso certificado; a mensagem volta à fila até que assine.";
    UnreadableMessage "unreadable_message" Ended OURS,
        "A message of our own queue cannot be read; it is in the dead-letter queue for a person to look at.",
        "Uma mensagem da nossa própria fila não pode ser lida; ela é deixada na fila de não entregues para que uma pessoa a examine.";

    // Reasons to send nothing, or nothing more.
    NoReceiver "no_receiver" Ended DIRECTORY,
        "The client is not registered for notifications.",
        "O cliente não está registrado para notificações.";
    BeforeRegistration "before_registration" Ended DIRECTORY,
        "The event is older than the client's registration for notifications.",
        "O evento é anterior ao registro do cliente para notificações.";
    NewerThanProfile "newer_than_profile" Ended DIRECTORY,
        "The receiver's webhook version does not know this trigger.",
        "A versão de webhook do receptor não conhece este gatilho.";
    EndedBeforeProfile "ended_before_profile" Ended DIRECTORY,
        "The receiver's webhook version no longer has quote-capitalization-title: post the change as one of quote.",
        "A versão de webhook do receptor já não tem quote-capitalization-title: informe a mudança como de quote.";
    OtherEcosystem "other_ecosystem" Ended DIRECTORY,
        "The change is of one ecosystem and the receiver's registration of the other.",
        "A mudança é de um ecossistema e o cadastro do receptor é do outro.";
    OptionalNotWanted "optional_not_wanted" Ended DIRECTORY,
        "AUTHORISED without PARTIALLY_ACCEPTED before it is optional, and notify_optional is off.",
        "AUTHORISED sem PARTIALLY_ACCEPTED antes é opcional, e notify_optional está desligado.";
    ApiWithoutWebhook "api_without_webhook" Ended NOBODY,
        "The convention has no webhook for this API.",
        "A convenção não tem webhook para esta API.";
    UnknownApi "unknown_api" Ended NOBODY,
        "No API of this name is known here, so the change is not notified; whether the name is right should be checked.",
        "Não conhecemos nenhuma API com este nome, portanto a mudança não é notificada; convém verificar se o nome está certo.";
    StateIsNoTrigger "state_is_no_trigger" Ended NOBODY,
        "Reaching this state is not a trigger.",
        "Chegar a este estado não é um gatilho.";
    NothingChanged "nothing_changed" Ended NOBODY,
        "Neither the state nor any data changed.",
        "Nem o estado nem dado algum mudou.";
    EditedByInitiator "edited_by_initiator" Ended NOBODY,
        "The initiator made the edit itself, and NotifyInitiatorEdits is off.",
        "A própria iniciadora fez a edição, e NotifyInitiatorEdits está desligado.";
    EditIsNoTrigger "edit_is_no_trigger" Ended NOBODY,
        "Edits of these fields of this resource are not a trigger.",
        "Edições destes campos deste recurso não são um gatilho.";
    EditInThisStateIsNoTrigger "edit_in_this_state_is_no_trigger" Ended NOBODY,
        "Edits are a trigger only while the enrollment or recurring consent is AUTHORISED.",
        "Edições são um gatilho somente enquanto o vínculo ou o consentimento de longa duração está AUTHORISED.";
}

impl Code {
    /// Returns the code as the ledger and the logs write it.
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// Says whether this is a fault of ours that returns messages to the queue; the template has an alarm for
    /// each of these. A message that arrived out of turn is not a fault.
    pub fn alarms(self) -> bool {
        let out_of_turn = matches!(self, Self::InProgress | Self::ConcurrencyLimited | Self::NotDue);
        self.row().effect == Effect::Requeued && !out_of_turn
    }

    /// Finds a code by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_codes_have_the_same_name_or_say_the_same() {
        let rows = || Code::ALL.iter().map(|code| code.row());
        for column in [|row: &CodeRow| row.name, |row: &CodeRow| row.en, |row: &CodeRow| row.pt_br] {
            assert_eq!(rows().map(column).collect::<BTreeSet<_>>().len(), Code::ALL.len());
        }
        assert_eq!(Code::named("timeout"), Some(Code::Timeout));
        assert_eq!(Code::named("time"), None);
    }

    #[test]
    fn each_code_is_a_plain_name_with_one_sentence_in_both_languages() {
        for row in Code::ALL.iter().map(|code| code.row()) {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(row.name.chars().all(plain), "{}", row.name);
            for sentence in [row.en, row.pt_br] {
                assert!(sentence.ends_with('.') && !sentence.contains(". "), "{sentence}");
                assert!(!sentence.contains('|'), "{sentence} breaks the table of the documentation");
            }
        }
    }

    #[test]
    fn only_our_own_faults_return_a_message_to_the_queue() {
        for row in Code::ALL.iter().map(|code| code.row()) {
            let ours = row.class == Some(FailureClass::Ours);
            assert!(row.effect != Effect::Requeued || ours, "{}", row.name);
        }
    }
}
