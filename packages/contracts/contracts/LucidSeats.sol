// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

/// @title Voting seats
/// @notice Granted and taken by the timelock only, never transferred, so votes can be neither borrowed nor bought
/// on a market. The clock is the block's time: blocks of this chain come irregularly.
contract LucidSeats is ERC20, ERC20Votes {
    using EnumerableSet for EnumerableSet.AddressSet;

    struct Member {
        address account;
        uint256 seats;
    }

    address public immutable timelock;

    EnumerableSet.AddressSet private _members;

    error SeatsUnauthorized(address caller);
    error SeatsNotTransferable();
    error SeatsLastSeat();
    error SeatsZeroAmount();

    modifier onlyTimelock() {
        if (msg.sender != timelock) revert SeatsUnauthorized(msg.sender);
        _;
    }

    constructor(address timelock_, Member[] memory members_) ERC20("Lucid Seat", "SEAT") EIP712("LucidSeats", "1") {
        timelock = timelock_;
        for (uint256 i = 0; i < members_.length; ++i) {
            _grant(members_[i].account, members_[i].seats);
        }
    }

    /// @notice Gives seats. A first-time member votes for itself until it delegates.
    function grantSeats(address account, uint256 amount) external onlyTimelock {
        _grant(account, amount);
    }

    /// @notice Takes seats. The last seat stays: without one nobody could ever vote again.
    function revokeSeats(address account, uint256 amount) external onlyTimelock {
        if (amount == 0) revert SeatsZeroAmount();
        _burn(account, amount);
        if (totalSupply() == 0) revert SeatsLastSeat();
        if (balanceOf(account) == 0) _members.remove(account);
    }

    /// @notice Who holds seats now; at most `limit` members from position `offset`.
    function listMembers(uint256 offset, uint256 limit) external view returns (Member[] memory page) {
        address[] memory accounts = _members.values(offset, offset + limit);
        page = new Member[](accounts.length);
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = Member(accounts[i], balanceOf(accounts[i]));
        }
    }

    function memberCount() external view returns (uint256) {
        return _members.length();
    }

    function decimals() public pure override returns (uint8) {
        return 0;
    }

    /// @notice ERC-6372: seconds since 1970 (UTC).
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372's name of that clock.
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function _grant(address account, uint256 amount) private {
        if (amount == 0) revert SeatsZeroAmount();
        _mint(account, amount);
        _members.add(account);
        if (delegates(account) == address(0)) _delegate(account, account);
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, ERC20Votes) {
        if (from != address(0) && to != address(0)) revert SeatsNotTransferable();
        super._update(from, to, amount);
    }
}
