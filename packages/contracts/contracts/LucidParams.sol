// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The parameters members govern
/// @notice The keys and their bounds are fixed by the constructor; only the timelock sets values, within the bounds.
contract LucidParams {
    struct Param {
        string key;
        uint256 value;
        uint256 min;
        uint256 max;
    }

    struct Slot {
        uint256 value;
        uint256 min;
        uint256 max;
        bool known;
    }

    address public immutable timelock;

    string[] private _keys;
    mapping(string key => Slot) private _slots;

    event ParamUpdated(string indexed key, uint256 oldValue, uint256 newValue);
    event BoundsSet(string indexed key, uint256 min, uint256 max);

    error ParamsUnauthorized(address caller);
    error ParamsUnknownKey(string key);
    error ParamsDuplicateKey(string key);
    error ParamsInvalidBounds(string key, uint256 min, uint256 max);
    error ParamsOutOfBounds(string key, uint256 value, uint256 min, uint256 max);

    constructor(address timelock_, Param[] memory params) {
        timelock = timelock_;
        for (uint256 i = 0; i < params.length; ++i) {
            Param memory param = params[i];
            if (_slots[param.key].known) revert ParamsDuplicateKey(param.key);
            if (param.min > param.max) revert ParamsInvalidBounds(param.key, param.min, param.max);
            _keys.push(param.key);
            _slots[param.key] = Slot(0, param.min, param.max, true);
            emit BoundsSet(param.key, param.min, param.max);
            _set(param.key, param.value);
        }
    }

    function setParam(string calldata key, uint256 value) external {
        if (msg.sender != timelock) revert ParamsUnauthorized(msg.sender);
        _set(key, value);
    }

    function getParam(string calldata key) external view returns (uint256) {
        return _known(key).value;
    }

    function getBounds(string calldata key) external view returns (uint256 min, uint256 max) {
        Slot storage slot = _known(key);
        return (slot.min, slot.max);
    }

    /// @notice Every parameter with its value and bounds, in the order of genesis.
    function listParams() external view returns (Param[] memory params) {
        params = new Param[](_keys.length);
        for (uint256 i = 0; i < params.length; ++i) {
            Slot storage slot = _slots[_keys[i]];
            params[i] = Param(_keys[i], slot.value, slot.min, slot.max);
        }
    }

    function _set(string memory key, uint256 value) private {
        Slot storage slot = _known(key);
        if (value < slot.min || value > slot.max) revert ParamsOutOfBounds(key, value, slot.min, slot.max);
        emit ParamUpdated(key, slot.value, value);
        slot.value = value;
    }

    function _known(string memory key) private view returns (Slot storage slot) {
        slot = _slots[key];
        if (!slot.known) revert ParamsUnknownKey(key);
    }
}
