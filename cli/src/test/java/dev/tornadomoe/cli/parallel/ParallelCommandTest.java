package dev.tornadomoe.cli.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.cli.Golden;
import dev.tornadomoe.cli.Main;
import dev.tornadomoe.contract.Installed;
import dev.tornadomoe.parallel.mpi.Mpirun;
import dev.tornadomoe.parallel.mpi.Mpirun.Ended;
import dev.tornadomoe.parallel.mpi.Mpirun.Running;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The `moe` command as ranks of Open MPI.
class ParallelCommandTest {
  private static final Path MIXTRAL = Golden.directory("hf/mixtral");
  private static final Path LATENT = Golden.directory("latent/nemotron_h");
  private static final Path OLMOE = Golden.directory("hf/olmoe");

  private Mpirun mpirun;

  @BeforeEach
  void find() throws IOException, InterruptedException {
    @Nullable Mpirun found = Mpirun.openMpi();
    Installed.require(found != null, "mpirun", "openmpi-bin");
    mpirun = Objects.requireNonNull(found);
  }

  private static List<String> moe(String command, Path checkpoint, String... options) {
    List<String> line =
        new ArrayList<>(List.of(Main.class.getName(), command, checkpoint.toString()));
    line.addAll(List.of("--parallel", "ep"));
    line.addAll(List.of(options));
    return line;
  }

  @Test
  void theFirstRankSaysWhatAllHaveFound() throws Exception {
    List<String> verify = moe("verify", MIXTRAL, "--placement", "round-robin", "--combine", "rank");
    Ended ended = mpirun.startEach(verify, verify, verify).end();
    assertThat(ended.exit()).as(ended.output()).isZero();
    assertThat(ended.output()).containsOnlyOnce("6 cases, 6 passed, 0 failed");
  }

  @Test
  void whatAllRefuseIsSaidOnce() throws Exception {
    List<String> aliased = moe("verify", MIXTRAL, "--alias", "require");
    List<String> deferred = moe("verify", MIXTRAL, "--deferred");
    Running first = mpirun.startEach(aliased, aliased);
    Running second = mpirun.startEach(deferred, deferred);
    Ended ended = first.end();
    assertThat(ended.exit()).as(ended.output()).isEqualTo(2);
    assertThat(ended.output()).containsOnlyOnce("moe: ").contains("NONLOCAL_FINALIZE");
    ended = second.end();
    assertThat(ended.exit()).as(ended.output()).isEqualTo(2);
    assertThat(ended.output())
        .containsOnlyOnce("moe: --deferred and --tail can't be verified with --parallel");
  }

  @Test
  void ranksWithOtherCheckpointsOrOptionsRefuseToStart() throws Exception {
    List<String> verify = moe("verify", MIXTRAL);
    Ended other = mpirun.startEach(verify, moe("verify", OLMOE)).end();
    assertThat(other.exit()).as(other.output()).isEqualTo(2);
    assertThat(other.output())
        .containsOnlyOnce("moe: ")
        .contains("moe: ranks differ: rank 1 has model ");
    Ended options = mpirun.startEach(verify, moe("verify", MIXTRAL, "--dispatch", "fp8")).end();
    assertThat(options.exit()).as(options.output()).isEqualTo(2);
    assertThat(options.output())
        .containsOnlyOnce("moe: ")
        .contains("moe: ranks differ: rank 1 has rows sent as FP8, rank 0 has rows sent as F32");
  }

  @Test
  void aFileThatOneRankLacksIsNamedWithTheRank() throws Exception {
    List<String> verify = moe("verify", MIXTRAL);
    Ended ended = mpirun.startEach(verify, verify, moe("verify", MIXTRAL.resolve("no"))).end();
    assertThat(ended.exit()).as(ended.output()).isEqualTo(2);
    assertThat(ended.output()).containsOnlyOnce("moe: ").contains("moe: rank 2: ", "no such");
  }

  /// Behind a latent projection they have rows of another size than their layer.
  @Test
  void expertsAreMeasuredAlone() throws Exception {
    List<String> bench =
        moe("bench", LATENT, "--experts-only", "--tokens", "5", "--seconds", "0.05");
    Ended ended = mpirun.startEach(bench, bench).end();
    assertThat(ended.exit()).as(ended.output()).isZero();
    assertThat(ended.output()).contains("H 24, ");
  }

  /// In the middle of a long measurement.
  @Test
  void aRankThatDiesOrHangsEndsAll() throws Exception {
    List<String> bench =
        moe("bench", MIXTRAL, "--tokens", "4", "--seconds", "60", "--timeout", "5");
    List<String> sums = new ArrayList<>(bench);
    sums.addAll(List.of("--combine", "rank"));
    Running killed = mpirun.startEach(sums, sums, sums);
    Running stopped = mpirun.startEach(bench, bench);
    awaitMeasuring(killed);
    killed.ranks().getLast().destroyForcibly();
    Ended ended = killed.end();
    assertThat(ended.exit()).as(ended.output()).isNotZero();
    assertThat(ended.output()).doesNotContain("Exception", "internal error");
    assertThat(ended.output().lines().filter(line -> line.contains("signal 9 (Killed)")))
        .as(ended.output())
        .hasSize(1);

    awaitMeasuring(stopped);
    ProcessHandle hanging = stopped.ranks().getLast();
    new ProcessBuilder("kill", "-STOP", String.valueOf(hanging.pid())).start().waitFor();
    Ended waited = stopped.end();
    assertThat(waited.exit()).as(waited.output()).isNotZero();
    assertThat(waited.output())
        .containsOnlyOnce("moe: ")
        .containsPattern("moe: rank . has waited 5 s for rank ., which (says|takes) nothing")
        .doesNotContain("Exception");
  }

  private static void awaitMeasuring(Running running) throws Exception {
    long end = System.nanoTime() + 60_000_000_000L;
    while (!running.soFar().contains("us/layer") && System.nanoTime() < end) {
      Thread.sleep(100);
    }
    assertThat(running.soFar()).contains("us/layer");
  }
}
