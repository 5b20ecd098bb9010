// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {AnchorRecords} from "./AnchorRecords.sol";
import {Rfc6962} from "./Rfc6962.sol";

/// @title Commitments of sealed sessions and of the ledger's checkpoints
/// @notice Append-only: nothing registered can be changed or removed, and nothing can be paused. The one power over
/// this contract is the timelock's, which grants and revokes ANCHORER_ROLE by vote; an owner's signature needs no role.
///
/// Two name spaces keep a session id from being taken by a stranger. Ids with 16 zero bytes after the UUID are
/// written by anchorers only. Ids that end in the low 16 bytes of the owner's address are written by that owner's
/// signature only. So neither a front-runner nor an anchorer can block an owner's own registration.
contract LucidAnchors is AnchorRecords, AccessControl, EIP712 {
    struct Checkpoint {
        uint64 treeSize;
        /// Block time in seconds since 1970 (UTC).
        uint64 anchoredAt;
        bytes32 rootHash;
    }

    bytes32 public constant ANCHORER_ROLE = keccak256("ANCHORER_ROLE");
    bytes32 public constant REGISTER_TYPEHASH = keccak256(
        "RegisterSession(bytes32 sessionId,bytes32 manifestHash,uint64 startedAt,address owner,bytes32 merkleRoot,uint32 chunkCount)"
    );

    mapping(bytes32 sessionId => mapping(uint32 index => bytes32 chunkHash)) private _chunkHashes;
    mapping(bytes32 originHash => Checkpoint[]) private _checkpoints;

    event SessionRegistered(
        bytes32 indexed sessionId,
        bytes32 indexed manifestHash,
        address indexed owner,
        bytes32 merkleRoot,
        uint32 chunkCount
    );
    event ChunkAnchored(bytes32 indexed sessionId, uint32 indexed chunkIndex, bytes32 chunkHash);
    event CheckpointAnchored(bytes32 indexed originHash, uint64 indexed treeSize, bytes32 rootHash);

    error AnchorsInvalidSessionId(bytes32 sessionId);
    error AnchorsZeroManifestHash();
    error AnchorsZeroMerkleRoot();
    error AnchorsZeroStartedAt();
    error AnchorsZeroOwner();
    error AnchorsZeroChunkCount();
    error AnchorsZeroChunkHash();
    error AnchorsSessionExists(bytes32 sessionId);
    error AnchorsSessionUnknown(bytes32 sessionId);
    error AnchorsInvalidSignature(address owner);
    error AnchorsUnauthorizedChunk(bytes32 sessionId, address caller);
    error AnchorsChunkIndexOutOfRange(uint32 index, uint32 chunkCount);
    error AnchorsChunkExists(bytes32 sessionId, uint32 index);
    error AnchorsCheckpointNotNewer(bytes32 originHash, uint64 treeSize, uint64 latestTreeSize);
    error AnchorsCheckpointUnknown(bytes32 originHash);

    constructor(address timelock, address[] memory anchorers) EIP712("LucidAnchors", "1") {
        _grantRole(DEFAULT_ADMIN_ROLE, timelock);
        for (uint256 i = 0; i < anchorers.length; ++i) {
            _grantRole(ANCHORER_ROLE, anchorers[i]);
        }
    }

    /// @notice Registers a sealed session on behalf of its owner.
    /// @param sessionId The UUID's 16 bytes, then 16 zero bytes.
    /// @param startedAt Milliseconds since 1970 (UTC).
    function registerSession(
        bytes32 sessionId,
        bytes32 manifestHash,
        uint64 startedAt,
        address owner,
        bytes32 merkleRoot,
        uint32 chunkCount
    ) external onlyRole(ANCHORER_ROLE) {
        if (uint128(uint256(sessionId)) != 0) revert AnchorsInvalidSessionId(sessionId);
        _register(sessionId, manifestHash, startedAt, owner, merkleRoot, chunkCount);
    }

    /// @notice Registers a sealed session by its owner's EIP-712 signature (EIP-1271 for contracts); anyone may relay.
    /// The signature needs no nonce and no deadline: it covers every field, and an id is registered once.
    /// @param sessionId The UUID's 16 bytes, then the low 16 bytes of `owner`.
    function registerSessionBySignature(
        bytes32 sessionId,
        bytes32 manifestHash,
        uint64 startedAt,
        address owner,
        bytes32 merkleRoot,
        uint32 chunkCount,
        bytes calldata signature
    ) external {
        if (uint128(uint256(sessionId)) != uint128(uint160(owner))) revert AnchorsInvalidSessionId(sessionId);
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(REGISTER_TYPEHASH, sessionId, manifestHash, startedAt, owner, merkleRoot, chunkCount)
            )
        );
        if (!SignatureChecker.isValidSignatureNow(owner, digest, signature)) revert AnchorsInvalidSignature(owner);
        _register(sessionId, manifestHash, startedAt, owner, merkleRoot, chunkCount);
    }

    /// @notice Publishes one chunk's hash, once per index: by the session's owner, or by an anchorer where anchorers
    /// register. An owner's own session is nobody else's to fill.
    function anchorChunk(bytes32 sessionId, uint32 index, bytes32 chunkHash) external {
        Session storage session = _registered(sessionId);
        bool isAnchorers = uint128(uint256(sessionId)) == 0;
        if (msg.sender != session.owner && !(isAnchorers && hasRole(ANCHORER_ROLE, msg.sender))) {
            revert AnchorsUnauthorizedChunk(sessionId, msg.sender);
        }
        if (index >= session.chunkCount) revert AnchorsChunkIndexOutOfRange(index, session.chunkCount);
        if (chunkHash == 0) revert AnchorsZeroChunkHash();
        if (_chunkHashes[sessionId][index] != 0) revert AnchorsChunkExists(sessionId, index);
        _chunkHashes[sessionId][index] = chunkHash;
        emit ChunkAnchored(sessionId, index, chunkHash);
    }

    /// @notice Records a checkpoint of a ledger. The tree size only grows, and earlier checkpoints stay readable. An
    /// anchorer that lies about the size ends the line of that origin: the ledger goes on under another one.
    /// @param originHash SHA-256 of the checkpoint's origin line, without its newline.
    function anchorCheckpoint(bytes32 originHash, uint64 treeSize, bytes32 rootHash) external onlyRole(ANCHORER_ROLE) {
        Checkpoint[] storage checkpoints = _checkpoints[originHash];
        uint64 latest = checkpoints.length == 0 ? 0 : checkpoints[checkpoints.length - 1].treeSize;
        if (treeSize <= latest) revert AnchorsCheckpointNotNewer(originHash, treeSize, latest);
        checkpoints.push(Checkpoint(treeSize, uint64(block.timestamp), rootHash));
        emit CheckpointAnchored(originHash, treeSize, rootHash);
    }

    /// @notice Whether `leafHash` is the session's chunk `index`, by an RFC 6962 inclusion proof.
    /// @param leafHash SHA-256(0x00 || chunk header).
    function verifyChunk(
        bytes32 sessionId,
        uint32 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) external view returns (bool) {
        Session storage session = _registered(sessionId);
        return Rfc6962.verifyInclusion(session.merkleRoot, session.chunkCount, index, leafHash, proof);
    }

    function isSessionRegistered(bytes32 sessionId) external view returns (bool) {
        return _sessions[sessionId].owner != address(0);
    }

    function getSession(bytes32 sessionId) external view returns (Session memory) {
        return _registered(sessionId);
    }

    /// @return The anchored chunk's hash; zero when that chunk was not anchored.
    function getChunkHash(bytes32 sessionId, uint32 index) external view returns (bytes32) {
        return _chunkHashes[sessionId][index];
    }

    function getCheckpointCount(bytes32 originHash) external view returns (uint256) {
        return _checkpoints[originHash].length;
    }

    function getCheckpoint(bytes32 originHash, uint256 position) external view returns (Checkpoint memory) {
        if (position >= _checkpoints[originHash].length) revert AnchorsCheckpointUnknown(originHash);
        return _checkpoints[originHash][position];
    }

    function getLatestCheckpoint(bytes32 originHash) external view returns (Checkpoint memory) {
        uint256 count = _checkpoints[originHash].length;
        if (count == 0) revert AnchorsCheckpointUnknown(originHash);
        return _checkpoints[originHash][count - 1];
    }

    function _register(
        bytes32 sessionId,
        bytes32 manifestHash,
        uint64 startedAt,
        address owner,
        bytes32 merkleRoot,
        uint32 chunkCount
    ) private {
        if (uint256(sessionId) >> 128 == 0) revert AnchorsInvalidSessionId(sessionId);
        if (manifestHash == 0) revert AnchorsZeroManifestHash();
        if (startedAt == 0) revert AnchorsZeroStartedAt();
        if (owner == address(0)) revert AnchorsZeroOwner();
        if (merkleRoot == 0) revert AnchorsZeroMerkleRoot();
        if (chunkCount == 0) revert AnchorsZeroChunkCount();
        if (_sessions[sessionId].owner != address(0)) revert AnchorsSessionExists(sessionId);
        _sessions[sessionId] = Session({
            manifestHash: manifestHash,
            merkleRoot: merkleRoot,
            owner: owner,
            startedAt: startedAt,
            chunkCount: chunkCount,
            anchoredAt: uint64(block.timestamp),
            anchoredBlock: uint64(block.number)
        });
        emit SessionRegistered(sessionId, manifestHash, owner, merkleRoot, chunkCount);
    }

    function _registered(bytes32 sessionId) private view returns (Session storage session) {
        session = _sessions[sessionId];
        if (session.owner == address(0)) revert AnchorsSessionUnknown(sessionId);
    }
}
