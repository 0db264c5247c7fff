package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.DeviceMemory;
import dev.tornadomoe.tornado.TornadoBackend;
import dev.tornadomoe.tornado.replay.GraphTasks;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.common.SchedulableTask;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// How many arrays the tasks of a plan's first layer take, which also tells kernels apart.
final class TaskArrays {
  private TaskArrays() {}

  /// By the tasks' kinds, of the launch for the most tokens.
  static Map<String, Integer> of(MoePlan plan) {
    ChosenDevice device = TornadoBackend.device();
    DeviceWeights weights = DeviceMemory.load(plan, device.limits(), Progress.NONE);
    Launch launch =
        Launch.all(plan, weights, List.of(List.of(0)), device.tuning(), Arena.ofAuto())
            .getFirst()
            .getLast();
    TaskGraph graph = new TaskGraph("counted");
    GridScheduler grid = new GridScheduler();
    List<String> kinds = new ArrayList<>();
    for (KernelCall call : launch.layers().getFirst().calls()) {
      kinds.add(call.kind());
      call.appendTo(graph, grid);
    }
    List<SchedulableTask> tasks = GraphTasks.of(graph);
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
}
