//! Kafka's error codes.

macro_rules! error_codes {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// An error code as it goes over the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(
                #[doc = concat!("Code ", stringify!($code), ": ", $text, ".")]
                $name = $code,
            )*
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in Kafka's spelling without underscores, as in `UnknownTopicOrPartition`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// One lower-case sentence that says what happened.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

error_codes! {
    UnknownServerError = -1, "the server failed in a way it did not foresee";
    None = 0, "no error";
    OffsetOutOfRange = 1, "the offset is not within the partition";
    CorruptMessage = 2, "the batch's checksum or layout is wrong";
    UnknownTopicOrPartition = 3, "this server does not have that topic or partition";
    InvalidFetchSize = 4, "the fetch size is not possible";
    LeaderNotAvailable = 5, "the partition has no leader at present";
    NotLeaderOrFollower = 6, "this broker does not lead the partition";
    RequestTimedOut = 7, "the request took too long";
    BrokerNotAvailable = 8, "the broker is not there";
    ReplicaNotAvailable = 9, "the replica is not there";
    MessageTooLarge = 10, "the batch is larger than the topic allows";
    StaleControllerEpoch = 11, "the controller has moved";
    OffsetMetadataTooLarge = 12, "the metadata beside the offset is too large";
    NetworkException = 13, "the server hung up before it answered";
    CoordinatorLoadInProgress = 14, "the coordinator is still loading";
    CoordinatorNotAvailable = 15, "the coordinator is not there";
    NotCoordinator = 16, "this broker does not coordinate that group";
    InvalidTopicException = 17, "the topic name is not valid";
    RecordListTooLarge = 18, "the request holds more than a segment can";
    NotEnoughReplicas = 19, "too few replicas are in sync";
    NotEnoughReplicasAfterAppend = 20, "too few replicas were in sync after the append";
    InvalidRequiredAcks = 21, "acks must be -1, 0 or 1";
    IllegalGeneration = 22, "the generation is not the group's";
    InconsistentGroupProtocol = 23, "the member shares no protocol with the group";
    InvalidGroupId = 24, "the group id is not valid";
    UnknownMemberId = 25, "the group does not have that member";
    InvalidSessionTimeout = 26, "the session timeout is outside the allowed range";
    RebalanceInProgress = 27, "the group is rebalancing; join again";
    InvalidCommitOffsetSize = 28, "the offset cannot be kept";
    TopicAuthorizationFailed = 29, "no right to the topic";
    GroupAuthorizationFailed = 30, "no right to the group";
    ClusterAuthorizationFailed = 31, "no right to the cluster";
    InvalidTimestamp = 32, "the timestamp is out of bounds";
    UnsupportedSaslMechanism = 33, "the SASL mechanism is not served";
    IllegalSaslState = 34, "the request does not fit the SASL state";
    UnsupportedVersion = 35, "the version is not served";
    TopicAlreadyExists = 36, "the topic exists already";
    InvalidPartitions = 37, "the number of partitions is not valid";
    InvalidReplicationFactor = 38, "the replication factor is not valid";
    InvalidReplicaAssignment = 39, "the replica assignment is not valid";
    InvalidConfig = 40, "the configuration is not valid";
    NotController = 41, "this broker is not the controller";
    InvalidRequest = 42, "the request contradicts itself";
    UnsupportedForMessageFormat = 43, "the message format does not support it";
    PolicyViolation = 44, "a policy forbids it";
    OutOfOrderSequenceNumber = 45, "a sequence number was left out";
    DuplicateSequenceNumber = 46, "the sequence number was used before";
    InvalidProducerEpoch = 47, "a newer producer has taken over";
    InvalidTxnState = 48, "the transaction is in another state";
    InvalidProducerIdMapping = 49, "the producer id is not that of the transactional id";
    InvalidTransactionTimeout = 50, "the transaction timeout is larger than allowed";
    ConcurrentTransactions = 51, "the transaction before is still ending";
    TransactionCoordinatorFenced = 52, "a newer transaction coordinator has taken over";
    TransactionalIdAuthorizationFailed = 53, "no right to the transactional id";
    SecurityDisabled = 54, "security is switched off";
    OperationNotAttempted = 55, "it was not tried because another failed";
    KafkaStorageError = 56, "the disk failed";
    LogDirNotFound = 57, "the log directory is not there";
    SaslAuthenticationFailed = 58, "SASL refused the client";
    UnknownProducerId = 59, "the producer's state is gone";
    ReassignmentInProgress = 60, "a reassignment is under way";
    DelegationTokenAuthDisabled = 61, "delegation tokens are switched off";
    DelegationTokenNotFound = 62, "the delegation token is not there";
    DelegationTokenOwnerMismatch = 63, "the delegation token belongs to another";
    DelegationTokenRequestNotAllowed = 64, "delegation tokens are not allowed here";
    DelegationTokenAuthorizationFailed = 65, "no right to the delegation token";
    DelegationTokenExpired = 66, "the delegation token has expired";
    InvalidPrincipalType = 67, "the principal type is not known";
    NonEmptyGroup = 68, "the group has members";
    GroupIdNotFound = 69, "the group is not there";
    FetchSessionIdNotFound = 70, "the fetch session is not there";
    InvalidFetchSessionEpoch = 71, "the fetch session epoch is not the next one";
    ListenerNotFound = 72, "the leader has no such listener";
    TopicDeletionDisabled = 73, "topics may not be deleted";
    FencedLeaderEpoch = 74, "the client's leader epoch is older than ours";
    UnknownLeaderEpoch = 75, "the client's leader epoch is newer than ours";
    UnsupportedCompressionType = 76, "the compression is not served in this version";
    StaleBrokerEpoch = 77, "the broker epoch is old";
    OffsetNotAvailable = 78, "the offset is not known yet";
    MemberIdRequired = 79, "join again with the member id given here";
    PreferredLeaderNotAvailable = 80, "the preferred leader is not there";
    GroupMaxSizeReached = 81, "the group is full";
    FencedInstanceId = 82, "another member took over this static id";
    EligibleLeadersNotAvailable = 83, "no replica may become leader";
    ElectionNotNeeded = 84, "the leader is the wanted one already";
    NoReassignmentInProgress = 85, "no reassignment is under way";
    GroupSubscribedToTopic = 86, "the group reads that topic";
    InvalidRecord = 87, "a record breaks a rule of the topic";
    UnstableOffsetCommit = 88, "an open transaction holds the offset";
    ThrottlingQuotaExceeded = 89, "the quota is used up";
    ProducerFenced = 90, "a newer producer has taken over";
    ResourceNotFound = 91, "the resource is not there";
    DuplicateResource = 92, "the resource exists already";
    UnacceptableCredential = 93, "the credential does not meet the rules";
    InconsistentVoterSet = 94, "the voter sets differ";
    InvalidUpdateVersion = 95, "the update version is not valid";
    FeatureUpdateFailed = 96, "the features could not be updated";
    PrincipalDeserializationFailure = 97, "the forwarded principal cannot be read";
    SnapshotNotFound = 98, "the snapshot is not there";
    PositionOutOfRange = 99, "the position is not within the snapshot";
    UnknownTopicId = 100, "this server does not have that topic id";
    DuplicateBrokerRegistration = 101, "the broker id is taken";
    BrokerIdNotRegistered = 102, "the broker id is not registered";
    InconsistentTopicId = 103, "the topic id is not that of the topic";
    InconsistentClusterId = 104, "the cluster id is another";
    TransactionalIdNotFound = 105, "the transactional id is not there";
    FetchSessionTopicIdError = 106, "the fetch session used names and ids together";
    IneligibleReplica = 107, "the replica may not join";
    NewLeaderElected = 108, "a new leader was elected";
    OffsetMovedToTieredStorage = 109, "the offset is in tiered storage";
    FencedMemberEpoch = 110, "the member epoch is old";
    UnreleasedInstanceId = 111, "the static id is still in use";
    UnsupportedAssignor = 112, "the assignor is not served";
    StaleMemberEpoch = 113, "the member epoch is old; ask again";
    MismatchedEndpointType = 114, "the request went to the wrong kind of endpoint";
    UnsupportedEndpointType = 115, "the kind of endpoint is not served";
    UnknownControllerId = 116, "the controller id is not known";
    UnknownSubscriptionId = 117, "the telemetry subscription is old";
    TelemetryTooLarge = 118, "the telemetry is too large";
    InvalidRegistration = 119, "the registration is not valid";
    TransactionAbortable = 120, "the transaction must be aborted";
    InvalidRecordState = 121, "the record is in another state";
    ShareSessionNotFound = 122, "the share session is not there";
    InvalidShareSessionEpoch = 123, "the share session epoch is not the next one";
    FencedStateEpoch = 124, "the state epoch is old";
    InvalidVoterKey = 125, "the voter key is another";
    DuplicateVoter = 126, "the voter is there already";
    VoterNotFound = 127, "the voter is not there";
    InvalidRegularExpression = 128, "the regular expression is not valid";
    RebootstrapRequired = 129, "the client must start over";
    StreamsInvalidTopology = 130, "the topology is not valid";
    StreamsInvalidTopologyEpoch = 131, "the topology epoch is not valid";
    StreamsTopologyFenced = 132, "the topology epoch is old";
    ShareSessionLimitReached = 133, "there are too many share sessions";
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The error of a number, if it is one that Kafka has.
    pub fn from_code(code: i16) -> Option<Self> {
        // The list starts at -1 and has no gaps; a test holds that.
        Self::ALL.get(usize::try_from(code.checked_add(1)?).ok()?).copied()
    }

    /// Whether this is no error.
    pub const fn is_none(self) -> bool {
        matches!(self, Self::None)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}
