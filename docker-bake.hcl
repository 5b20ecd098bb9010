# All images, both platforms: `docker buildx bake`. The bundles of the Node images are made first, by `pnpm bundle`.

variable "REPO" {
  default = "pickme/lucid"
}
variable "VERSION" {
  default = "0.1.0"
}
variable "REVISION" {
  default = "unknown"
}
variable "SOURCE" {
  default = ""
}
variable "NODE_BASE" {
  default = "gcr.io/distroless/nodejs24-debian13:nonroot"
}
variable "BASE" {
  default = "gcr.io/distroless/base-debian13:nonroot"
}
variable "CC_BASE" {
  default = "gcr.io/distroless/cc-debian13:nonroot"
}
# Where the builder has no network, Debian's programs come from dist/images: `node test/images/rootfs-main.ts`.
variable "OFFLINE" {
  default = false
}
variable "PLATFORMS" {
  default = "linux/amd64,linux/arm64"
}
# Attestations change the digest of every build; a release turns them on.
variable "RELEASE" {
  default = false
}

group "default" {
  targets = ["node", "tor-proxy", "redis"]
}

# The images of docker/bundle/images.ts.
group "node" {
  targets = ["services", "blockchain-vm", "standalone-blockchain-api", "platform", "server-tools"]
}

target "_common" {
  platforms = split(",", PLATFORMS)
  attest    = RELEASE ? ["type=sbom", "type=provenance,mode=max"] : ["type=provenance,disabled=true"]
}

target "_node" {
  inherits   = ["_common"]
  dockerfile = "docker/service.Dockerfile"
  contexts   = { build = "dist/images" }
  args = {
    NODE_BASE = NODE_BASE
    VERSION   = VERSION
    REVISION  = REVISION
    SOURCE    = SOURCE
  }
}

target "services" {
  name     = item.tag
  inherits = ["_node"]
  target   = "service"
  matrix = {
    item = [
      { tag = "openapi-gateway", state = "openapi-gateway", prefix = "OPENAPI_GATEWAY", port = 8080 },
      { tag = "openapi-server", state = "openapi-server", prefix = "OPENAPI_SERVER", port = 8081 },
      { tag = "api-gateway", state = "gateway", prefix = "GATEWAY", port = 8082 },
      { tag = "api-server", state = "api", prefix = "API", port = 8083 },
      { tag = "blockchain-api", state = "blockchain-api", prefix = "BLOCKCHAIN_API", port = 8084 },
      { tag = "blockchain-governance", state = "governance", prefix = "GOVERNANCE", port = 8085 },
      { tag = "blockchain-ledger", state = "ledger", prefix = "LEDGER", port = 8086 },
      { tag = "blockchain-sessions", state = "sessions", prefix = "SESSIONS", port = 8087 },
      { tag = "tunnel-tools", state = "tunnel-tools", prefix = "TUNNEL_TOOLS", port = 7000 },
    ]
  }
  args = { IMAGE = item.tag, STATE = item.state, PREFIX = item.prefix, PORT = item.port }
  tags = ["${REPO}:${item.tag}"]
}

# The chain runs in threads, which size their own heaps.
target "blockchain-vm" {
  inherits = ["_node"]
  target   = "service"
  args     = { IMAGE = "blockchain-vm", STATE = "vm", PREFIX = "VM", PORT = 8088, NODE_FLAGS = "--max-semi-space-size=2" }
  tags     = ["${REPO}:blockchain-vm"]
}

target "standalone-blockchain-api" {
  inherits = ["_node"]
  target   = "service"
  args = {
    IMAGE      = "standalone-blockchain-api"
    STATE      = "blockchain-api"
    PREFIX     = "BLOCKCHAIN_API"
    PORT       = 8084
    NODE_FLAGS = "--max-semi-space-size=2"
  }
  tags = ["${REPO}:standalone-blockchain-api"]
}

target "platform" {
  inherits = ["_node"]
  target   = "service"
  args = {
    IMAGE         = "platform"
    STATE         = "platform"
    PREFIX        = "LUCID"
    PORT          = 8080
    PORT_VARIABLE = "LUCID_FIRST_PORT"
    PORTS         = 9
    NODE_FLAGS    = "--max-semi-space-size=2"
  }
  tags = ["${REPO}:platform"]
}

target "server-tools" {
  inherits = ["_node"]
  target   = "tool"
  args     = { IMAGE = "server-tools", STATE = "server-tools" }
  tags     = ["${REPO}:server-tools"]
}

# The images of Debian's own programs.
target "tor-proxy" {
  inherits   = ["_common"]
  dockerfile = "docker/tor-proxy/Dockerfile"
  contexts   = OFFLINE ? { rootfs = "dist/images/tor-proxy" } : {}
  args       = { BASE = BASE, VERSION = VERSION, REVISION = REVISION, SOURCE = SOURCE }
  tags       = ["${REPO}:tor-proxy"]
}

target "redis" {
  inherits   = ["_common"]
  dockerfile = "docker/redis/Dockerfile"
  contexts   = OFFLINE ? { rootfs = "dist/images/redis" } : {}
  args       = { CC_BASE = CC_BASE, VERSION = VERSION, REVISION = REVISION, SOURCE = SOURCE }
  tags       = ["${REPO}:redis"]
}

# The one image that is not distroless.
target "infrastructure-dev" {
  inherits = ["_common"]
  context  = ".devcontainer"
  args     = { VERSION = VERSION, REVISION = REVISION, SOURCE = SOURCE }
  tags     = ["${REPO}:infrastructure-dev"]
}
