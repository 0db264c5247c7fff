package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.OutputForm;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The two other ends of a layer in an engine's graph, whose next task goes on on the device.
/// Results beside those of transformers and plain loops.
class EmbeddedTailsTest {
  private static final Path QWEN = Path.of("../src/test/resources/golden/hf/qwen3_moe");

  /// Much beside the mean square, so that it shows.
  private static final RmsNorm NORM = new RmsNorm(0.25f);

  private static TornadoMoe load(int tokens, UnaryOperator<Planner.Builder> options) {
    try (Checkpoint checkpoint = Checkpoint.open(QWEN)) {
      List<MoeLayer> layers = List.of(MoeModel.of(checkpoint).layer(1));
      return TornadoMoe.of(
          options
              .apply(new TornadoBackend().planner(layers).maxTokens(tokens))
              .build()
              .plan(layers));
    }
  }

  /// The engine's next task: `target = 3 * source`.
  public static void triple(KernelContext context, FloatArray source, FloatArray target) {
    target.set(context.globalIdx, source.get(context.globalIdx) * 3f);
  }

  /// The engine's own sum over each token's rows.
  public static void sum(
      KernelContext context,
      FloatArray rows,
      FloatArray weights,
      FloatArray target,
      int k,
      int hidden) {
    int token = context.globalIdx / hidden;
    int column = context.globalIdx % hidden;
    float sum = 0;
    for (int s = 0; s < k; s++) {
      int pair = token * k + s;
      sum += weights.get(pair) * rows.get(pair * hidden + column);
    }
    target.set(context.globalIdx, sum);
  }

  /// With one token the norm is a task of its own, with several it may be in the sum.
  @ParameterizedTest
  @CsvSource({"1, GIVEN", "7, GIVEN", "7, IN_OUTPUT", "7, NONE"})
  void theNextTaskReadsNormedRows(int tokens, Residual residual)
      throws TornadoExecutionPlanException {
    GoldenRows golden = GoldenRows.of(QWEN, 1, tokens);
    int size = golden.input().length;
    int hidden = size / tokens;
    float[] added = residual == Residual.NONE ? new float[size] : Rows.random(size, 71);
    float[] weights = Rows.random(hidden, 72);
    FloatArray x = FloatArray.fromArray(golden.input());
    FloatArray r = FloatArray.fromArray(added);
    FloatArray w = FloatArray.fromArray(weights);
    FloatArray y = residual == Residual.IN_OUTPUT ? r : new FloatArray(size);
    FloatArray normed = new FloatArray(size);
    FloatArray tripled = new FloatArray(size);
    try (TornadoMoe moe = load(tokens, planner -> planner.tail(residual, NORM))) {
      GridScheduler grid = new GridScheduler();
      TaskGraph graph = new TaskGraph("tail");
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x, r, w);
      moe.input(x).output(y).tail(w, normed);
      if (residual == Residual.GIVEN) {
        moe.residual(r);
      }
      moe.appendTo(graph, grid);
      graph.task("triple", EmbeddedTailsTest::triple, new KernelContext(), normed, tripled);
      grid.addWorkerGrid("tail.triple", new WorkerGrid1D(size));
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y, tripled);
      try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
        plan.withGridScheduler(grid).withDevice(TornadoBackend.device().device()).execute();
      }
    }
    double[] sums = new double[size];
    double[] norms = new double[size];
    for (int first = 0; first < size; first += hidden) {
      double squares = 0;
      for (int i = first; i < first + hidden; i++) {
        sums[i] = golden.output()[i] + (double) added[i];
        squares += sums[i] * sums[i];
      }
      for (int i = first; i < first + hidden; i++) {
        norms[i] = 3 * sums[i] / Math.sqrt(squares / hidden + 0.25) * weights[i - first];
      }
    }
    Rows.assertClose(y.toHeapArray(), sums, 2e-5);
    Rows.assertClose(tripled.toHeapArray(), norms, 2e-5);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7})
  void theNextTaskSumsDeferredRows(int tokens) throws TornadoExecutionPlanException {
    GoldenRows golden = GoldenRows.of(QWEN, 1, tokens);
    int size = golden.input().length;
    int hidden = size / tokens;
    FloatArray x = FloatArray.fromArray(golden.input());
    FloatArray y = new FloatArray(size);
    try (TornadoMoe moe = load(tokens, planner -> planner.output(OutputForm.DEFERRED));
        Checkpoint checkpoint = Checkpoint.open(QWEN)) {
      int k = MoeModel.of(checkpoint).layer(1).topK();
      FloatArray rows = new FloatArray(size * k);
      IntArray ids = new IntArray(tokens * k);
      FloatArray weights = new FloatArray(tokens * k);
      GridScheduler grid = new GridScheduler();
      TaskGraph graph = new TaskGraph("deferred");
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, x);
      moe.input(x).output(rows).routing(ids, weights).appendTo(graph, grid);
      graph.task("sum", EmbeddedTailsTest::sum, new KernelContext(), rows, weights, y, k, hidden);
      grid.addWorkerGrid("deferred.sum", new WorkerGrid1D(size));
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y);
      try (TornadoExecutionPlan plan = new TornadoExecutionPlan(graph.snapshot())) {
        plan.withGridScheduler(grid).withDevice(TornadoBackend.device().device()).execute();
      }
    }
    double[] exact = new double[size];
    for (int i = 0; i < size; i++) {
      exact[i] = golden.output()[i];
    }
    Rows.assertClose(y.toHeapArray(), exact, 2e-5);
  }

  @Test
  void refusesArraysThatDoNotKeepToThePlan() {
    FloatArray x = new FloatArray(64);
    FloatArray y = new FloatArray(64);
    FloatArray w = new FloatArray(64);
    FloatArray normed = new FloatArray(64);
    try (TornadoMoe moe = load(1, planner -> planner.tail(Residual.NONE, NORM))) {
      refuses(moe.input(x).output(y), "the layer has no normed");
      refuses(
          moe.input(x).output(y).tail(new FloatArray(3), normed),
          "norm_weights has 3 elements, expected at least 64");
      for (FloatArray taken : List.of(x, y)) {
        refuses(
            moe.input(x).output(y).tail(w, taken),
            "OVERLAPS_RESULT: normed is the same array as input, output or residual, which the"
                + " plan does not allow");
      }
      assertThat(moe.input(x).output(y).tail(w, normed).appendTo(new TaskGraph("fine")).tasks())
          .isNotEmpty();
    }
    try (TornadoMoe moe = load(1, planner -> planner)) {
      refuses(
          moe.input(x).output(y).tail(w, normed),
          "an array for normed rows is given, but the plan has no tail that writes any");
    }
  }

  private static void refuses(TornadoMoe moe, String sentence) {
    assertThatThrownBy(() -> moe.appendTo(new TaskGraph("refused")))
        .isInstanceOf(BackendException.class)
        .hasMessage(sentence);
  }
}
