package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What a measurement's calls find in memory that the call before has used.
class BenchMemoryTest {
  private static final Path ZAYA = Path.of("../src/test/resources/golden/hf/zaya");

  /// Layers from the middle of a model go on from states, and would from each other's.
  @Test
  void stepsThatGoOnFromStatesGetFreshOnes() {
    assertThat(statesFound(1)).containsOnly(0);
  }

  /// The model's first layer writes them without reading any: nothing is to be done.
  @Test
  void othersGetThemAsTheyAre() {
    assertThat(statesFound(0, 1)).containsOnly(3);
  }

  /// What a call finds of states that the one before has left at 3.
  private static float[] statesFound(int... indices) {
    try (Checkpoint checkpoint = Checkpoint.open(ZAYA);
        Arena arena = Arena.ofShared()) {
      MoeModel model = MoeModel.of(checkpoint);
      List<MoeLayer> layers = Arrays.stream(indices).mapToObj(model::layer).toList();
      MoePlan plan = Planner.builder().maxTokens(2).wholeStep(true).build().plan(layers);
      BenchInputs.Input input = new BenchInputs(layers, false, arena).make(2).getFirst();
      MoeCall call = new BenchMemory(plan, 2, arena).call(input);
      MemorySegment states = call.memory(CallerRegion.ROUTER_STATES);
      assertThat(states).isNotNull();
      float[] left = new float[2 * layers.getFirst().routerStates()];
      Arrays.fill(left, 3);
      MemorySegment.copy(left, 0, states, ValueLayout.JAVA_FLOAT, 0, left.length);
      BenchMemory.ready(plan, call);
      return states.toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
