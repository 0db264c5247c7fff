package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Calls of the kernels that read an expert's weights once for a block of its pairs.
sealed interface BlockProjections
    permits GroupBlockProjections,
        SpanBlockProjections,
        TileBlockProjections,
        ItemBlockProjections {

  /// The kinds' names, the same for all kernels.
  String GATE_UP = "groupedGateUp";

  String DOWN = "groupedDown";

  /// The kernels that suit the device and the blocks' size.
  static BlockProjections of(LayerContext context) {
    if (!context.hasGroups()) {
      return new ItemBlockProjections(context);
    }
    if (!context.tuning().hasSmallBlocks()) {
      return new TileBlockProjections(context);
    }
    return SpanBlockProjections.suit(context)
        ? new SpanBlockProjections(context)
        : new GroupBlockProjections(context);
  }

  /// Gate, up and activation of each pair.
  ///
  /// @param matrix gate and up of the experts that the blocks are of
  KernelCall gateUp(DeviceMatrix matrix, PairBlocks blocks, ProjectionRows rows);

  /// Down of each pair, back to the order of pairs.
  ///
  /// @param matrix down of the experts that the blocks are of
  /// @param activated `[pairs, I]`
  /// @param target `[pairs, H]`
  KernelCall down(DeviceMatrix matrix, PairBlocks blocks, FloatArray activated, FloatArray target);
}
