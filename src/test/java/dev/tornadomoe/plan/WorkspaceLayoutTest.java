package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Lists of sizes and lives; whether any two that are alive at once share bytes is found here by
/// looking at every pair.
class WorkspaceLayoutTest {
  private static final long LINE = 64;

  @Test
  void livesThatFollowEachOtherShareBytes() {
    WorkspaceLayout layout = layout(0, true, buffer(256, 0, 1), buffer(256, 2, 3));

    assertThat(layout.offset(0)).isZero();
    assertThat(layout.offset(1)).isZero();
    assertThat(layout.bytes()).isEqualTo(256);
  }

  @Test
  void livesThatMeetInOneStepDoNotShareBytes() {
    WorkspaceLayout layout = layout(0, true, buffer(256, 0, 2), buffer(256, 2, 3));

    assertThat(layout.bytes()).isEqualTo(512);
    assertThat(layout.offset(0)).isNotEqualTo(layout.offset(1));
  }

  @Test
  void smallBuffersLieSideBySideUnderALargeOne() {
    WorkspaceLayout layout = layout(0, true, buffer(64, 0, 1), buffer(64, 0, 1), buffer(128, 2, 3));

    assertThat(layout.bytes()).isEqualTo(128);
  }

  @Test
  void gapBetweenTwoLiveBuffersIsUsed() {
    // The first and the last stay; what lies between them ends early and leaves its place.
    WorkspaceLayout layout =
        layout(
            0,
            true,
            buffer(256, 0, 9),
            buffer(192, 0, 1),
            buffer(128, 0, 9),
            buffer(64, 2, 9),
            buffer(64, 2, 9));

    assertThat(layout.bytes()).isEqualTo(256 + 192 + 128);
  }

  @Test
  void gapThatFitsExactlyIsUsed() {
    WorkspaceLayout layout =
        layout(0, true, buffer(256, 0, 9), buffer(128, 0, 1), buffer(128, 0, 9), buffer(128, 2, 9));

    assertThat(layout.offset(3)).isEqualTo(256);
    assertThat(layout.bytes()).isEqualTo(512);
  }

  @Test
  void largestIsPlacedFirst() {
    // In the given order the last one would have to lie above the second, at 192.
    WorkspaceLayout layout =
        layout(0, true, buffer(64, 0, 1), buffer(128, 1, 2), buffer(256, 2, 3));

    assertThat(layout.offset(2)).isZero();
    assertThat(layout.bytes()).isEqualTo(256 + 128);
  }

  @Test
  void ofEqualSizesTheEarlierIsPlacedFirst() {
    WorkspaceLayout layout = layout(0, true, buffer(64, 5, 9), buffer(64, 0, 5));

    assertThat(layout.offset(1)).isZero();
    assertThat(layout.offset(0)).isEqualTo(64);
  }

  @Test
  void guardStandsBehindEachBuffer() {
    WorkspaceLayout layout = layout(64, true, buffer(64, 0, 1), buffer(64, 0, 1));

    assertThat(Math.abs(layout.offset(0) - layout.offset(1))).isEqualTo(128);
    assertThat(layout.bytes()).isEqualTo(256);
  }

  @Test
  void nothingNeedsNoWorkspace() {
    assertThat(layout(0, true).bytes()).isZero();
    assertThat(layout(0, true, buffer(0, 0, 3)).bytes()).isZero();
  }

  static IntStream seeds() {
    return IntStream.range(0, 400);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void noTwoLiveBuffersShareBytes(int seed) {
    Random random = new Random(seed);
    List<WorkspaceLayout.Request> requests = requests(random);
    int guard = random.nextBoolean() ? PlanOptions.GUARD_BYTES : 0;
    WorkspaceLayout layout = WorkspaceLayout.of(requests, guard, true);
    for (int i = 0; i < requests.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertThat(
                isAliveTogether(requests.get(i), requests.get(j))
                    && overlap(layout, requests, guard, i, j))
            .as(
                "seed %d: %s at %d and %s at %d",
                seed, requests.get(i), layout.offset(i), requests.get(j), layout.offset(j))
            .isFalse();
      }
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void buffersAreAlignedAndInsideTheWorkspaceWithTheirGuards(int seed) {
    Random random = new Random(seed);
    List<WorkspaceLayout.Request> requests = requests(random);
    int guard = random.nextBoolean() ? PlanOptions.GUARD_BYTES : 0;
    WorkspaceLayout layout = WorkspaceLayout.of(requests, guard, random.nextBoolean());
    for (int i = 0; i < requests.size(); i++) {
      assertThat(layout.offset(i)).as("seed %d", seed).isNotNegative();
      assertThat(layout.offset(i) % LINE).as("seed %d", seed).isZero();
      assertThat(layout.offset(i) + requests.get(i).bytes() + guard)
          .as("seed %d", seed)
          .isLessThanOrEqualTo(layout.bytes());
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void reuseTakesAtLeastThePeakAndAtMostTheSum(int seed) {
    List<WorkspaceLayout.Request> requests = requests(new Random(seed));
    long peak = 0;
    for (int step = 0; step < 40; step++) {
      long alive = 0;
      for (WorkspaceLayout.Request request : requests) {
        alive += isAliveAt(request, step) ? aligned(request.bytes()) : 0;
      }
      peak = Math.max(peak, alive);
    }

    assertThat(WorkspaceLayout.of(requests, 0, true).bytes())
        .as("seed %d", seed)
        .isBetween(peak, sum(requests, 0));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void withoutReuseNothingSharesBytesAndTheSumIsTaken(int seed) {
    List<WorkspaceLayout.Request> requests = requests(new Random(seed));
    WorkspaceLayout layout = WorkspaceLayout.of(requests, 64, false);

    assertThat(layout.bytes()).as("seed %d", seed).isEqualTo(sum(requests, 64));
    for (int i = 0; i < requests.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertThat(overlap(layout, requests, 64, i, j)).as("seed %d", seed).isFalse();
      }
    }
  }

  private static List<WorkspaceLayout.Request> requests(Random random) {
    List<WorkspaceLayout.Request> requests = new ArrayList<>();
    int count = 1 + random.nextInt(24);
    for (int i = 0; i < count; i++) {
      int first = random.nextInt(30);
      requests.add(buffer(random.nextInt(2000), first, first + random.nextInt(10)));
    }
    return requests;
  }

  private static WorkspaceLayout.Request buffer(long bytes, int first, int last) {
    return new WorkspaceLayout.Request(bytes, new Liveness.Range(first, last));
  }

  private static WorkspaceLayout layout(
      long guard, boolean reuse, WorkspaceLayout.Request... requests) {
    return WorkspaceLayout.of(List.of(requests), guard, reuse);
  }

  private static boolean isAliveTogether(WorkspaceLayout.Request a, WorkspaceLayout.Request b) {
    return IntStream.range(0, 40).anyMatch(step -> isAliveAt(a, step) && isAliveAt(b, step));
  }

  private static boolean isAliveAt(WorkspaceLayout.Request request, int step) {
    return request.range().first() <= step && step <= request.range().last();
  }

  private static boolean overlap(
      WorkspaceLayout layout, List<WorkspaceLayout.Request> requests, long guard, int i, int j) {
    return layout.offset(i) < layout.offset(j) + requests.get(j).bytes() + guard
        && layout.offset(j) < layout.offset(i) + requests.get(i).bytes() + guard;
  }

  private static long sum(List<WorkspaceLayout.Request> requests, long guard) {
    return requests.stream().mapToLong(request -> aligned(request.bytes() + guard)).sum();
  }

  private static long aligned(long bytes) {
    return (bytes + LINE - 1) / LINE * LINE;
  }
}
