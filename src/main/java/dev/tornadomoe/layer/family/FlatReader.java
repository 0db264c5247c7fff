package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.List;
import java.util.stream.IntStream;

/// Reads experts whose matrices lie one below the other in one for each projection.
///
/// @param block what stands before the names of the block's parts
record FlatReader(
    Checkpoint checkpoint, ModelLayout layout, String block, ExpertStorage.Flat names) {

  List<Mlp> read() {
    TensorView gate = matrix(names.gate());
    TensorView up = matrix(names.up());
    TensorView down = matrix(names.down());
    return IntStream.range(0, layout.experts())
        .mapToObj(e ->
            Mlp.gated(
                Weight.dense(part(gate, e)),
                Weight.dense(part(up, e)),
                Weight.transposed(part(down, e), layout.hidden(), 0, 1)))
        .toList();
  }

  private TensorView matrix(String name) {
    return checkpoint.require(
        block + name, (long) layout.experts() * layout.intermediate(), layout.hidden());
  }

  private TensorView part(TensorView matrix, int expert) {
    long first = (long) expert * layout.intermediate();
    return matrix.rows(first, first + layout.intermediate());
  }
}
