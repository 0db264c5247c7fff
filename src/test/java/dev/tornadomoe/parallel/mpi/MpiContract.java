package dev.tornadomoe.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.Installed;
import dev.tornadomoe.parallel.mpi.Mpirun.Ended;
import dev.tornadomoe.parallel.mpi.Mpirun.Running;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What each MPI must do, in its own processes; [RankProgram] is what they run.
abstract class MpiContract {
  /// Enough on any machine, and not reached where all goes well.
  private static final int LONG = 60;

  /// How long the ranks wait for one that says nothing.
  private static final int SHORT = 8;

  private Mpirun mpirun;

  /// Null where it is not installed.
  abstract @Nullable Mpirun mpirun() throws IOException, InterruptedException;

  /// Debian's package.
  abstract String debianPackage();

  /// Another MPI's library.
  abstract String otherLibrary();

  @BeforeEach
  void find() throws IOException, InterruptedException {
    Mpirun found = mpirun();
    Installed.require(found != null, "mpirun", debianPackage());
    mpirun = Objects.requireNonNull(found);
  }

  @Test
  void scatteredBlocksBetweenTwo() throws Exception {
    assertAllDone(2, start(2, "exchange", LONG));
  }

  @Test
  void scatteredBlocksBetweenFour() throws Exception {
    assertAllDone(4, start(4, "exchange", LONG));
  }

  @Test
  void jvmStaysWholeAndAllocatesNothing() throws Exception {
    assertAllDone(2, start(2, "steady", LONG));
  }

  /// Starts [RankProgram]. JVMs that start side by side on a busy machine may take long.
  ///
  /// @param seconds how long ranks wait for each other
  private Running start(int ranks, String mode, int seconds, String... javaOptions)
      throws IOException {
    return start(ranks, mode, LONG, seconds, javaOptions);
  }

  /// @param toStart how long ranks wait for all to start
  private Running start(int ranks, String mode, int toStart, int seconds, String... javaOptions)
      throws IOException {
    List<String> arguments = new ArrayList<>(List.of(javaOptions));
    arguments.addAll(
        List.of(
            RankProgram.class.getName(),
            mode,
            Integer.toString(toStart),
            Integer.toString(seconds)));
    return mpirun.start(ranks, arguments);
  }

  private static void assertAllDone(int ranks, Running running) throws Exception {
    Ended ended = running.end();
    assertThat(ended.exit()).as(ended.output()).isZero();
    assertThat(ended.output().lines())
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, ranks).mapToObj(rank -> "rank " + rank + " is done").toList());
  }

  /// One after the other they would mostly wait.
  @Test
  void oneEndsAll() throws Exception {
    Running killed = start(3, "die", LONG);
    Running failed = start(2, "fail", LONG);
    Running stopped = start(2, "stop", SHORT);
    Running full = start(2, "fill", SHORT);
    Running late = start(2, "late", SHORT, LONG);

    Ended ended = killed.end();
    assertThat(ended.exit()).as(ended.output()).isNotZero();
    assertThat(ended.output()).contains("Killed").doesNotContain("Exception", "is done");

    assertSentence("rank 1 has another checkpoint", failed.end());
    assertSentence(
        "rank 0 has waited 8 s for rank 1, which says nothing: it hangs, or is gone",
        stopped.end());
    assertSentence(
        "rank 0 has waited 8 s for rank 1, which takes nothing: it hangs, or is gone", full.end());
    assertSentence(
        "rank 0 has waited 8 s for all ranks to start: one hangs, or is gone", late.end());
  }

  @Test
  void librariesOfAnotherMpiAreRefused() throws Exception {
    Ended ended =
        start(2, "exchange", LONG, "-D" + MpiLibrary.PROPERTY + "=" + otherLibrary()).end();
    Installed.require(
        !ended.output().contains("No such file"), otherLibrary(), "openmpi-bin mpich");
    assertThat(ended.exit()).as(ended.output()).isNotZero();
    assertThat(ended.output())
        .containsPattern(
            "moe: .* started 2 ranks, but .* sees 1: launcher and library belong to different")
        .doesNotContain("Exception");
  }

  /// A rank ends with 2, and others that MPICH kills on the way out may decide what it ends with.
  private static void assertSentence(String sentence, Ended ended) {
    assertThat(ended.exit()).as(ended.output()).isNotZero();
    assertThat(ended.output())
        .containsOnlyOnce("moe: ")
        .contains("moe: " + sentence)
        .doesNotContain("Exception", "is done");
  }
}
