# What the examples' run scripts share: they find a JDK and a TornadoVM SDK, build, and start Java. Sourced by them.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

fail() {
  echo "$(basename "$here"): $*" >&2
  exit 2
}

is_jdk25() {
  local version
  [[ -n ${1:-} && -x $1/bin/javac ]] || return 1
  version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null)
  [[ ${version:-0} -ge 25 ]]
}

find_jdk() {
  local candidate
  for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* \
    /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    if is_jdk25 "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fail "needs JDK 25 or newer, and found none in JAVA_HOME or in the usual places"
}

# Builds modules and what they need, unless a jar is there and newer than all sources.
#
# Arguments: the jar, the modules with commas between.
build() {
  local jar=$1 modules=$2 log=$here/target/build.log
  if [[ -f $jar && -z $(find "$root/src" "$root/tornado-kernels/src" "$here/../"*/src "$here/../"*/pom.xml \
    -path '*/test/*' -prune -o -type f -newer "$jar" -print -quit 2>/dev/null) ]]; then
    return
  fi
  command -v mvn >/dev/null || fail "building needs Maven (mvn), which is not on the PATH"
  mkdir -p "$here/target"
  echo "$(basename "$here"): building" >&2
  (cd "$root" && mvn -B -q -DskipTests -Dspotless.check.skip -pl "$modules" -am package) >"$log" 2>&1 ||
    fail "the build failed; the log is $log"
  touch "$jar" # an unchanged jar keeps its old date
}

# Sets sdk to the TornadoVM SDK.
find_sdk() {
  sdk=${TORNADOVM_HOME:-$HOME/.sdkman/candidates/tornadovm/current}
  [[ -f $sdk/tornado-argfile ]] || fail "there is no TornadoVM SDK in $sdk; see docs/tornadovm.md"
}

# Options for Java that all examples want.
options=(--add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED)

# OpenCL's compilers put signal handlers in place of the JVM's; behind this library of the JDK they come after them.
chain_signals() {
  export LD_PRELOAD=$1/lib/libjsig.so${LD_PRELOAD:+:$LD_PRELOAD}
}
