# What .ci/run and .ci/nightly share: what the machine must have, steps with their times, device drivers that crash, and
# the slowest classes. They source it from the root of the checkout.

results=$PWD/target/ci
# Most of a command's time on small layers goes into compiling kernels; C2, a third of it, pays for none of it here.
brief=-XX:TieredStopAtLevel=1
# Launches that can't be replayed are an error here, not a slower way.
replayed=-Dtornadomoe.tornado.replay=required
golden=src/test/resources/golden
# Each format as devices keep it, and each kind of router, experts and shared experts: what others compile differs in
# sizes.
# shellcheck disable=SC2034
formats=("$golden"/fp8_int8_fp4/{gpt_oss-mxfp4,qwen3_5_moe-modelopt_nvfp4}
  "$golden"/fp8_int8_fp4/qwen3_moe-{ct_fp8_channel,ct_int8_channel,ct_mxfp8,ct_w8a16_g64,fp8_block128}
  "$golden"/gguf/{deepseek2-glm47flash,mixtral-q2_k_q3_k,qwen2moe-q5_k,qwen3moe-f16_bf16,qwen3moe-q4_0}
  "$golden"/w4a16/{deepseek_v3-ct_channel_sym,mixtral-awq_g64}
  "$golden"/w4a16/qwen3_moe-{ct_g32_sym,gptq_g64_desc_act,mlx_g32})
# shellcheck disable=SC2034
families=("$golden"/hf/{afmoe,axk1,dbrx,deepseek_v2,deepseek_v4_hash,flex_olmo,gemma4,gpt_oss,hunyuan_v1_moe,inkling}
  "$golden"/hf/{llama4_text,longcat_flash,nemotron_h,phimoe,qwen2_moe,qwen3_5_moe_text,step3p5,zaya}
  "$golden"/latent/nemotron_h)
# shellcheck disable=SC2034
three=("$golden"/hf/{mixtral,deepseek_v2,gpt_oss})
open_mpi=(mpirun.openmpi --allow-run-as-root --oversubscribe)
sdk=${TORNADOVM_HOME:-$HOME/.sdkman/candidates/tornadovm/current}

# PoCL 3.1 shares one cache of kernels among all processes of a user; this one is ours. It takes only a directory that is
# there.
export POCL_CACHE_DIR=$PWD/target/pocl

loud() {
  echo "ci: ############ $* ############" >&2
}

# Removes what an earlier run has left where this one looks.
prepare() {
  rm -rf "$results" {,cli/,benchmarks/,tornado-kernels/}target/surefire-reports
  mkdir -p "$results" "$POCL_CACHE_DIR"
  : >"$results/steps"
  : >"$results/died"
}

has_sdk() {
  [[ -f $sdk/tornado-argfile ]]
}

apt_options=()

# Whether one of some programs is there.
has() {
  [[ -n $(type -P "$@" || true) ]]
}

# Installs Debian packages unless they are there; false where that can't be done. The array `apt_options` holds further
# options of apt-get.
#
# Arguments: whether recommended packages come too, the packages.
install() {
  local recommends=$1
  local -a sudo=()
  shift
  dpkg -s "$@" >/dev/null 2>&1 && return
  command -v apt-get >/dev/null || return
  [[ $(id -u) -eq 0 ]] || sudo=(sudo -n)
  {
    "${sudo[@]}" apt-get -qq update &&
      "${sudo[@]}" apt-get -qq install -y -o "APT::Install-Recommends=$recommends" "${apt_options[@]}" "$@"
  } >/dev/null 2>&1 </dev/null
}

# Says what is not tested; where a maintainer waits for all of it (CI=true), that is an error.
#
# Arguments: what is missing, its packages, what is not tested.
missing() {
  [[ ${CI:-} == true ]] && {
    echo "ci: CI=true, and $1 is not there: apt install $2" >&2
    exit 1
  }
  loud "NO $1 ($2): $3"
}

# Installs and looks for everything that tests use beside the JDK and Maven.
machine() {
  local mpi
  # PoCL is an OpenCL device on any CPU: TornadoVM's tests run on it.
  install true pocl-opencl-icd ocl-icd-libopencl1 || true
  # They compile the kernels for chips that nobody here has.
  install true clang-19 rocm-device-libs || true
  # Two MPIs for layers whose experts are divided among ranks.
  install true openmpi-bin mpich || true
  # Opens the page that `moe bench --html` writes: some 100 MB to download, 290 MB on disk.
  install false chromium-headless-shell || true

  [[ -n $(ls -A /etc/OpenCL/vendors 2>/dev/null || true) ]] ||
    missing "OpenCL device" "pocl-opencl-icd ocl-icd-libopencl1" "WHAT RUNS ON DEVICES IS NOT TESTED"
  has clang-19 || missing clang-19 "clang-19 rocm-device-libs" "KERNELS ARE NOT COMPILED FOR AMD"
  has mpirun.openmpi || missing mpirun.openmpi openmpi-bin "WHAT RUNS AS RANKS UNDER IT IS NOT TESTED"
  has mpirun.mpich || missing mpirun.mpich mpich "WHAT RUNS AS RANKS UNDER IT IS NOT TESTED"
  has chromium-headless-shell chromium chromium-browser google-chrome ||
    missing Chromium chromium-headless-shell "THE PAGE OF moe bench IS NOT OPENED, THOSE TESTS ARE SKIPPED"
  has_sdk || loud "NO TORNADOVM SDK ($sdk): DEVICE TESTS ARE NOT RUN, THE REST IS"
}

# Gives PoCL the declarations beside this file in the place of its own, which take a third of a device test's time. PoCL
# looks for them from where its library is, so this sets up such a place, of links, and names it to OpenCL's loader.
short_declarations() {
  local library driver home=$PWD/target/pocl-home pocl=/usr/share/pocl
  library=$(/sbin/ldconfig -p | awk '$1 == "libpocl.so.2" { print $NF; exit }')
  [[ -n $library && -f $pocl/include/opencl-c.h ]] || {
    loud "KERNELS ARE COMPILED WITH PoCL'S OWN DECLARATIONS, WHICH IS SLOWER: no libpocl.so.2 with $pocl"
    return
  }
  rm -rf "$home"
  mkdir -p "$home"/{lib/links,share/pocl/include,vendors}
  ln -s "$library" "$(dirname "$library")/pocl" "$home/lib/links/"
  ln -s $pocl/*.bc "$home/share/pocl/"
  ln -s $pocl/include/* "$home/share/pocl/include/"
  ln -sf "$PWD/.ci/opencl-c.h" "$home/share/pocl/include/"
  cp /etc/OpenCL/vendors/*.icd "$home/vendors/"
  for driver in "$home"/vendors/*; do
    ! grep -q libpocl "$driver" || echo "$home/lib/links/libpocl.so.2" >"$driver"
  done
  export OCL_ICD_VENDORS=$home/vendors
}

# Steps that failed.
failed=()

# Runs a step and keeps its time and whether it failed. Not part of a condition, or bash would go on after its errors.
#
# Arguments: its name, the command.
step() {
  local name=$1 begin=$SECONDS status
  shift
  printf '\nci: === %s\n' "$name" >&2
  set +e
  (
    set -e
    "$@"
  )
  status=$?
  set -e
  printf '%d\t%s\t%d\n' $((SECONDS - begin)) "$name" $status >>"$results/steps"
  [[ $status -eq 0 ]] || failed+=("$name")
}

# Runs a step that nothing goes on without.
must() {
  step "$@"
  [[ ${#failed[@]} -eq 0 ]] || exit 1
}

# Runs functions side by side, each with a cache of kernels of its own: compiling them takes one core.
side_by_side() {
  local each status=0
  local -a running=()
  for each in "$@"; do
    mkdir -p "$POCL_CACHE_DIR-$each"
    (
      set -e
      POCL_CACHE_DIR=$POCL_CACHE_DIR-$each
      "$each"
    ) &
    running+=($!)
  done
  for each in "${running[@]}"; do
    wait "$each" || status=$?
  done
  return "$status"
}

# A device driver that crashes does not decide about a whole check: what it took down runs once more.
#
# Arguments: what died.
say_died() {
  echo "$1" >>"$results/died"
  # Maven ends without the end of a line.
  printf '\nci: ######## DIED: %s, RUN ONCE MORE (%d so far) ########\n' "$1" "$(wc -l <"$results/died")" >&2
}

# Runs a command that uses a device, once more where a signal ended it.
on_device() {
  local status=0
  "$@" || status=$?
  [[ $status -gt 128 ]] || return $status
  say_died "$* (exit status $status)"
  "$@"
}

# Classes of the device module that have not ended since a fork died: the one that it ran, and those that no fork was
# left for, with commas between. Nothing where none died, or anything else is wrong too: a test that fails is never run
# again.
#
# Arguments: Maven's log.
unfinished() {
  local elsewhere
  grep -q 'The forked VM terminated' "$1" || return 0
  elsewhere=$(grep 'Failed to execute goal' "$1" | grep -vc 'surefire.* on project tornado-moe-tornado-kernels' || true)
  [[ $elsewhere -eq 0 ]] || return 0
  ! grep -lE '<(failure|error)\b' tornado-kernels/target/surefire-reports/*.xml >/dev/null 2>&1 || return 0
  cd tornado-kernels/target
  comm -23 \
    <(find test-classes -name '*Test.class' -printf '%P\n' | sed 's/\.class$//; y|/|.|' | sort) \
    <(find surefire-reports -name 'TEST-*.xml' -printf '%f\n' | sed 's/^TEST-//; s/\.xml$//' | sort) |
    paste -sd ,
}

# Builds and tests, two modules at a time; Maven refuses downloads whose checksum does not match (-C).
#
# Arguments: Maven's.
build() {
  local log again
  log=$(mktemp "$results/maven-XXXX.log")
  rm -rf tornado-kernels/target/surefire-reports
  mvn -B -C -T 2 "$@" </dev/null 2>&1 | tee "$log" && return
  again=$(unfinished "$log")
  [[ -n $again ]] || return 1
  say_died "a fork of the device tests before the end of $again"
  # The examples stand behind them in the build.
  mvn -B -C "$@" "-Dtest=$again,dev.tornadomoe.examples.**,com.example.**" \
    -Dsurefire.failIfNoSpecifiedTests=false </dev/null
}

# Golden checkpoints with their experts on several ranks; tests have killed and stopped some.
#
# Arguments: how many, how results are combined, the checkpoints, `--`, the launcher of ranks with its options.
ranks() {
  local count=$1 combine=$2
  local -a checkpoints=()
  shift 2
  while [[ $1 != -- ]]; do
    checkpoints+=("$1")
    shift
  done
  shift
  has "$1" || return 0
  "$@" -n "$count" ./moe verify "${checkpoints[@]}" --parallel ep --combine "$combine" </dev/null | tail -n 1
}

# The same with experts on a device. Each rank has a cache of its own: they compile the same kernels at the same time.
#
# Arguments: how many, how results are combined, the checkpoints.
device_ranks() {
  local count=$1 combine=$2 rank
  local -a launch=("${open_mpi[@]}")
  has "${open_mpi[0]}" || return 0
  for ((rank = 0; rank < count; rank++)); do
    mkdir -p "$POCL_CACHE_DIR-rank$rank"
    [[ $rank -eq 0 ]] || launch+=(:)
    launch+=(-n 1 env "POCL_CACHE_DIR=$POCL_CACHE_DIR-rank$rank"
      ./moe verify "${@:3}" --parallel ep --backend tornado --combine "$combine")
  done
  MOE_JAVA_OPTS="$brief $replayed" on_device "${launch[@]}" </dev/null | tail -n 1
}

# Golden checkpoints with the kernels of GPUs, which PoCL takes when told to; TornadoGoldenTest has those that suit it.
#
# Arguments: the file for what it prints, kernels too; the command's arguments.
gpu_kernels() {
  if ! on_device verify_and_print "$@"; then
    grep FAILED "$1" || true
    return 1
  fi
  tail -n 1 "$1"
}

verify_and_print() {
  MOE_JAVA_OPTS="$brief $replayed -Dtornado.printKernel=True -Dtornadomoe.tornado.kernels=work-groups" \
    ./moe verify "${@:2}" --backend tornado </dev/null >"$1"
}

# Prints where the time went.
report() {
  local died
  died=$(wc -l <"$results/died")
  echo
  echo "ci: slowest test classes (seconds of wall time, some side by side)"
  find . -path '*/target/surefire-reports/TEST-*.xml' -print0 | xargs -0r awk '
    /<testsuite / {
      match($0, / name="[^"]*"/); name = substr($0, RSTART + 7, RLENGTH - 8)
      match($0, / time="[^"]*"/); time = substr($0, RSTART + 7, RLENGTH - 8)
      gsub(",", "", time)
      printf "%.1f\t%s\n", time, name
      nextfile
    }' | sort -rn | awk -F '\t' '
    NR <= 15 { printf "%8.1f  %s\n", $1, $2 }
    { total += $1 }
    END { printf "%8.1f  all %d classes\n", total, NR }'
  echo "ci: steps (seconds)"
  awk -F '\t' '{ printf "%8d  %s%s\n", $1, $2, $3 ? "  FAILED" : ""; total += $1 }
    END { printf "%8d  all\n", total }' "$results/steps"
  [[ $died -eq 0 ]] || loud "$died DIED IN A DEVICE DRIVER AND RAN ONCE MORE: $(paste -sd ';' "$results/died")"
}
