package dev.tornadomoe.tornado.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.tornado.DeviceHeld;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Two graphs as an engine would have them: rows go up with the first, stay on the device, and come
/// back with the second.
class GraphSequenceTest {
  private static final int SIZE = 64;

  static {
    Backends.require("tornado"); // before TornadoVM loads
  }

  private final FloatArray weights = new FloatArray(SIZE);
  private final FloatArray x = new FloatArray(SIZE);
  private final FloatArray seen = new FloatArray(SIZE);
  private final FloatArray result = new FloatArray(SIZE);

  /// `x *= weights`, and one more is seen.
  public static void first(
      KernelContext context, FloatArray weights, FloatArray x, FloatArray seen) {
    int i = context.globalIdx;
    x.set(i, x.get(i) * weights.get(i));
    seen.set(i, seen.get(i) + 1);
  }

  /// `result = x + weights + 100 seen`
  public static void second(
      KernelContext context, FloatArray weights, FloatArray x, FloatArray seen, FloatArray result) {
    int i = context.globalIdx;
    result.set(i, x.get(i) + weights.get(i) + 100 * seen.get(i));
  }

  @AfterEach
  void asBefore() {
    System.clearProperty(ReplayMode.PROPERTY);
  }

  @ParameterizedTest
  @ValueSource(strings = {"required", "off"})
  void runsGraphsInOrderOnOneSetOfBuffers(String mode) {
    System.setProperty(ReplayMode.PROPERTY, mode);
    long before = DeviceHeld.bytes();
    for (int i = 0; i < SIZE; i++) {
      weights.set(i, i % 5);
    }
    GridScheduler grid = new GridScheduler();
    grid.addWorkerGrid("begin.first", new WorkerGrid1D(SIZE));
    grid.addWorkerGrid("end.second", new WorkerGrid1D(SIZE));
    try (GraphSequence step = GraphSequence.of(grid, graphs())) {
      weights.init(-1f); // is on the device already, and goes up no more
      assertThat(step.isReplayed()).isEqualTo(mode.equals("required"));
      for (int run = 2; run < 5; run++) { // the first was when it was made
        x.init(run);
        step.run();
        for (int i = 0; i < SIZE; i++) {
          assertThat(result.get(i)).isEqualTo(run * (i % 5) + i % 5 + 100f * run);
        }
      }
      assertThat(step.profile().stream().map(LaunchTime::task).toList())
          .isEqualTo(mode.equals("required") ? List.of("begin.first", "end.second") : List.of());
    }
    assertThat(DeviceHeld.bytes()).isEqualTo(before);
  }

  private List<ImmutableTaskGraph> graphs() {
    KernelContext context = new KernelContext();
    return List.of(
        new TaskGraph("begin")
            .transferToDevice(DataTransferMode.FIRST_EXECUTION, weights, seen)
            .transferToDevice(DataTransferMode.EVERY_EXECUTION, x)
            .task("first", GraphSequenceTest::first, context, weights, x, seen)
            .snapshot(),
        new TaskGraph("end")
            .transferToDevice(DataTransferMode.FIRST_EXECUTION, weights)
            .task("second", GraphSequenceTest::second, context, weights, x, seen, result)
            .transferToHost(DataTransferMode.EVERY_EXECUTION, result)
            .snapshot());
  }
}
