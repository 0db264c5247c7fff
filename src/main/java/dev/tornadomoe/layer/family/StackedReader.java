package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.tensor.TensorView;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Reads experts of which each projection is one tensor.
///
/// @param block what stands before the names of the block's parts
record StackedReader(
    Checkpoint checkpoint, ModelLayout layout, String block, ExpertStorage.Stacked names) {

  List<Mlp> read() {
    int size = layout.intermediate();
    int hidden = layout.expertHidden();
    ExpertStack gate = stack(names.gate(), size, hidden);
    ExpertStack up = stack(names.up(), size, hidden);
    ExpertStack down = stack(names.down(), hidden, size);
    TensorView gateBias = bias(names.gate(), size);
    TensorView upBias = bias(names.up(), size);
    TensorView downBias = bias(names.down(), hidden);
    return IntStream.range(0, layout.experts())
        .mapToObj(e ->
            new Mlp(
                gate.part(e, size, 0, 1),
                up.part(e, size, 0, 1),
                down.part(e, hidden, 0, 1),
                part(gateBias, e),
                part(upBias, e),
                part(downBias, e)))
        .toList();
  }

  private ExpertStack stack(String module, int outputs, int inputs) {
    return checkpoint.stack(block + module + ".weight", layout.experts(), outputs, inputs, false);
  }

  private @Nullable TensorView bias(String module, int size) {
    String name = block + module + ".bias";
    return checkpoint.find(name).isPresent()
        ? checkpoint.require(name, layout.experts(), size)
        : null;
  }

  private static @Nullable Bias part(@Nullable TensorView biases, int expert) {
    return biases == null ? null : Bias.of(biases.at(expert));
  }

  /// MLX stores the experts of every family whose experts have gates, and need no biases, in one
  /// way.
  static List<ExpertStorage> withMlx(List<ExpertStorage> storages) {
    boolean isPlain =
        storages.stream()
            .anyMatch(storage ->
                (storage instanceof ExpertStorage.PerExpert one && one.gate() != null)
                    || (storage instanceof ExpertStorage.Fused fused && !fused.biased()));
    return isPlain
        ? Stream.concat(storages.stream(), Stream.of(ExpertStorage.Stacked.MLX)).toList()
        : storages;
  }
}
