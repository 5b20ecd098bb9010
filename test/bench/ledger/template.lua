-- wrk's half of `load.ts`: sends one prepared request again and again, with a fresh number written into each entry.
-- Arguments: file of the request, offset of the first number, distance between numbers, count of them, first number.
local ffi = require("ffi")
local buffer, size, first, stride, count, number

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local text = file:read("*a")
  file:close()
  size = #text
  buffer = ffi.new("char[?]", size)
  ffi.copy(buffer, text, size)
  first, stride = tonumber(arguments[2]), tonumber(arguments[3])
  count, number = tonumber(arguments[4]), tonumber(arguments[5])
end

function request()
  number = number + 1
  local digits = string.format("%08d", number % 100000000)
  for entry = 0, count - 1 do
    ffi.copy(buffer + first + entry * stride, digits, 8)
  end
  return ffi.string(buffer, size)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"p50Us":%d,"p99Us":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
