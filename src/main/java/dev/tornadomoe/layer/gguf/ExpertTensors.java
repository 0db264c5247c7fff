package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The experts of one block: `ffn_gate_exps`, `ffn_up_exps` and `ffn_down_exps` with all of them
/// `[E, out, in]`, or `ffn_gate_up_exps` with the gates first; until 2024 `ffn_gate.7` and so on.
/// Shared ones are `ffn_gate_shexp` and so on.
record ExpertTensors(BlockReader block) {

  List<Mlp> experts() {
    if (isOneByOne()) {
      return oneByOne();
    }
    int count = block.experts();
    int hidden = block.expertHidden();
    int size = intermediate();
    if (!block.isGated()) {
      return ungated(size);
    }
    boolean fused = block.has("ffn_gate_up_exps.weight");
    ExpertStack gate;
    ExpertStack up;
    if (fused) {
      gate = stack("ffn_gate_up_exps", twice(size), hidden);
      up = gate;
    } else {
      gate = stack("ffn_gate_exps", size, hidden);
      up = stack("ffn_up_exps", size, hidden);
    }
    ExpertStack down = stack("ffn_down_exps", hidden, size);
    TensorView gateBias =
        biases(fused ? "ffn_gate_up_exps" : "ffn_gate_exps", fused ? 2L * size : size);
    TensorView upBias = fused ? gateBias : biases("ffn_up_exps", size);
    TensorView downBias = biases("ffn_down_exps", hidden);
    List<Mlp> experts = new ArrayList<>(count);
    for (int e = 0; e < count; e++) {
      experts.add(
          new Mlp(
              gate.part(e, size, 0, 1),
              up.part(e, size, fused ? size : 0, 1),
              down.part(e, hidden, 0, 1),
              bias(gateBias, e, size, 0),
              bias(upBias, e, size, fused ? size : 0),
              bias(downBias, e, hidden, 0)));
    }
    return experts;
  }

  private List<Mlp> ungated(int size) {
    int hidden = block.expertHidden();
    ExpertStack up = stack("ffn_up_exps", size, hidden);
    ExpertStack down = stack("ffn_down_exps", hidden, size);
    return IntStream.range(0, block.experts())
        .mapToObj(e -> Mlp.plain(up.part(e, size, 0, 1), down.part(e, hidden, 0, 1)))
        .toList();
  }

  private boolean isOneByOne() {
    return !block.has("ffn_down_exps.weight") && block.has("ffn_down.0.weight");
  }

  /// I: what the metadata say, or else what the first tensor has.
  private int intermediate() {
    var stated = block.metadata().count("expert_feed_forward_length").filter(size -> size > 0);
    if (stated.isPresent()) {
      return stated.get();
    }
    String tensor = isOneByOne() ? "ffn_down.0.weight" : "ffn_down_exps.weight";
    Shape down = block.shapeOf(tensor);
    return size(down.dimension(down.rank() - 1), tensor);
  }

  private int size(long size, String tensor) {
    if (size > Integer.MAX_VALUE / 2) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" has rows of %d elements, too many for an expert",
              block.checkpoint().fileOf(block.name(tensor)),
              block.name(tensor),
              size));
    }
    return (int) size;
  }

  /// Of what no tensor has, the most that an array can have.
  private static int twice(int size) {
    return (int) Math.min(2L * size, Integer.MAX_VALUE);
  }

  private ExpertStack stack(String tensor, int outputs, int inputs) {
    return stack(tensor, block.experts(), outputs, inputs);
  }

  private ExpertStack stack(String tensor, int experts, int outputs, int inputs) {
    String name = block.useWeight(tensor);
    return block.checkpoint().stack(name, experts, outputs, inputs, false);
  }

  private @Nullable TensorView biases(String tensor, long size) {
    return block.isBiased()
        ? block.checkpoint().require(block.use(tensor + ".bias"), block.experts(), size)
        : null;
  }

  private static @Nullable Bias bias(@Nullable TensorView all, int expert, int size, int first) {
    return all == null ? null : new Bias(all.at(expert), size, first, 1);
  }

  private List<Mlp> oneByOne() {
    int size = intermediate();
    List<Mlp> experts = new ArrayList<>(); // grows, since no tensor has proved the count yet
    for (int e = 0; e < block.experts(); e++) {
      experts.add(
          Mlp.gated(
              linear("ffn_gate." + e, size, block.hidden()),
              linear("ffn_up." + e, size, block.hidden()),
              linear("ffn_down." + e, block.hidden(), size)));
    }
    return experts;
  }

  private Weight linear(String tensor, int rows, int columns) {
    block.useWeight(tensor);
    return block.checkpoint().linear(block.name(tensor), rows, columns);
  }

  /// The shared expert's projections, or null when the block has none.
  ///
  /// @param of how its size follows from the keys
  @Nullable Mlp shared(SharedSize of) {
    int size =
        of.of(block.metadata(), intermediate())
            .orElseGet(() ->
                size(block.shapeOf("ffn_up_shexp.weight").dimension(0), "ffn_up_shexp.weight"));
    if (size == 0) {
      return null;
    }
    if (block.hasSharedGateUp()) {
      ExpertStack gateUp = stack("ffn_up_shexp", 1, twice(size), block.hidden());
      return Mlp.gated(
          gateUp.part(0, size, 0, 1),
          gateUp.part(0, size, size, 1),
          linear("ffn_down_shexp", block.hidden(), size));
    }
    Weight gate = block.isGated() ? linear("ffn_gate_shexp", size, block.hidden()) : null;
    Weight up = linear("ffn_up_shexp", size, block.hidden());
    Weight down = linear("ffn_down_shexp", block.hidden(), size);
    return gate == null ? Mlp.plain(up, down) : Mlp.gated(gate, up, down);
  }

  /// What the shared expert's result is multiplied by the sigmoid of.
  Weight sharedGate() {
    return linear("ffn_gate_inp_shexp", 1, block.hidden());
  }
}
