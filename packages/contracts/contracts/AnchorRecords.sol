// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The storage that proofs are made of
/// @notice The layout below is part of the proof bundle's format: `eth_getProof` proves these four slots against a
/// block's stateRoot, and a verifier reads them with no node at hand. It is a base of its own, named first by the
/// contract, so that the mapping stays at slot 0 whatever else the contract inherits.
///
/// For a session, with `base = keccak256(abi.encode(sessionId, uint256(0)))`:
///
///   base + 0   manifestHash   32 bytes
///   base + 1   merkleRoot     32 bytes
///   base + 2   chunkCount     bytes 0-3   (most significant)
///              startedAt      bytes 4-11
///              owner          bytes 12-31 (least significant)
///   base + 3   zero           bytes 0-15
///              anchoredBlock  bytes 16-23
///              anchoredAt     bytes 24-31 (least significant)
abstract contract AnchorRecords {
    struct Session {
        /// SHA-256("lucid/manifest/v1\0" || canonical manifest).
        bytes32 manifestHash;
        /// RFC 6962 root of the session's chunk headers.
        bytes32 merkleRoot;
        /// Who the session belongs to; never zero once registered.
        address owner;
        /// Claimed start: milliseconds since 1970 (UTC).
        uint64 startedAt;
        /// Leaves of the chunk tree; never zero once registered.
        uint32 chunkCount;
        /// Time of the block that registered the session: seconds since 1970 (UTC).
        uint64 anchoredAt;
        /// Number of that block.
        uint64 anchoredBlock;
    }

    mapping(bytes32 sessionId => Session) internal _sessions;
}
