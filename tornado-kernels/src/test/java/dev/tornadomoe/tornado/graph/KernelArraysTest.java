package dev.tornadomoe.tornado.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tornado.DeviceMemory;
import dev.tornadomoe.tornado.TornadoBackend;
import dev.tornadomoe.tornado.TornadoDevices;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.lang.foreign.Arena;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.common.SchedulableTask;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// How many arrays the tasks of a plain layer take: its router has neither bias nor gate, its
/// experts are all here and have 4-bit integers. What it costs the host to enqueue a task grows
/// with them (H200: 4.5 us with 3, 9 with 20), and for one token a step can't be faster.
class KernelArraysTest {

  @BeforeEach
  void takeKernelsOfGpus() {
    System.setProperty(TornadoDevices.KERNELS_PROPERTY, "work-groups");
  }

  @AfterEach
  void reset() {
    System.clearProperty(TornadoDevices.KERNELS_PROPERTY);
  }

  /// M, hidden states, weights, logits; M, logits, constants, ids, weights; M, ids, hidden states,
  /// words, scales, activations; M, ids, weights, activations, words, scales, output.
  @Test
  void noTaskOfOneTokenTakesAnArrayThatItDoesNotUse() throws ReflectiveOperationException {
    try (Checkpoint checkpoint =
        Checkpoint.open(Path.of("../src/test/resources/golden/w4a16/qwen3_moe-ct_g32_sym"))) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      MoePlan plan = Planner.builder().maxTokens(1).build().plan(layer);
      assertThat(arrays(plan))
          .containsExactly(
              Map.entry("logits", 4),
              Map.entry("select", 5),
              Map.entry("gateUp", 6),
              Map.entry("down", 7));
    }
  }

  /// The arrays of each task, by its kind.
  private static Map<String, Integer> arrays(MoePlan plan) throws ReflectiveOperationException {
    ChosenDevice device = TornadoBackend.device();
    DeviceWeights weights = DeviceMemory.load(plan, device.limits(), Progress.NONE);
    Launch launch =
        Launch.all(plan, weights, List.of(List.of(0)), device.tuning(), Arena.ofAuto())
            .getFirst()
            .getFirst();
    TaskGraph graph = new TaskGraph("counted");
    GridScheduler grid = new GridScheduler();
    List<String> kinds = new ArrayList<>();
    for (KernelCall call : launch.layers().getFirst().calls()) {
      kinds.add(call.kind());
      call.appendTo(graph, grid);
    }
    List<SchedulableTask> tasks = tasks(graph);
    Map<String, Integer> arrays = new LinkedHashMap<>();
    for (int i = 0; i < kinds.size(); i++) {
      long count =
          Arrays.stream(tasks.get(i).getArguments())
              .filter(argument -> argument instanceof FloatArray || argument instanceof IntArray)
              .distinct()
              .count();
      arrays.put(kinds.get(i), (int) count);
    }
    return arrays;
  }

  /// TornadoVM's API does not show the tasks of a graph.
  private static List<SchedulableTask> tasks(TaskGraph graph) throws ReflectiveOperationException {
    Object implementation = field(graph, "taskGraphImpl");
    Object context = field(implementation, "executionContext");
    Method tasks = context.getClass().getMethod("getTasks");
    return ((List<?>) tasks.invoke(context)).stream().map(SchedulableTask.class::cast).toList();
  }

  private static Object field(Object owner, String name) throws ReflectiveOperationException {
    Field field = owner.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(owner);
  }
}
