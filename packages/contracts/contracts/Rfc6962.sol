// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Inclusion proofs of the one Merkle rule of the platform
/// @notice RFC 6962 section 2.1 over SHA-256 (the precompile at address 2); leaves are hashed by the caller.
library Rfc6962 {
    /// @notice The algorithm of RFC 9162, section 2.1.3.2. The path's shape follows from `index` and `treeSize`
    /// alone, so a proof can claim neither another position nor another size.
    /// @return True when `leafHash` is the leaf `index` of the tree of `treeSize` leaves with root `rootHash`.
    function verifyInclusion(
        bytes32 rootHash,
        uint256 treeSize,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) internal pure returns (bool) {
        if (index >= treeSize) return false;
        uint256 node = index;
        uint256 last = treeSize - 1;
        bytes32 computed = leafHash;
        for (uint256 i = 0; i < proof.length; ++i) {
            if (last == 0) return false;
            if (node & 1 == 1 || node == last) {
                computed = hashChildren(proof[i], computed);
                while (node & 1 == 0 && node != 0) {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                computed = hashChildren(computed, proof[i]);
            }
            node >>= 1;
            last >>= 1;
        }
        return last == 0 && computed == rootHash;
    }

    /// @notice SHA-256(0x01 || left || right).
    function hashChildren(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}
