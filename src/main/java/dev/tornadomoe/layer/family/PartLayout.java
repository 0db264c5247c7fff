package dev.tornadomoe.layer.family;

import dev.tornadomoe.layer.LayerException;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Which stack of MoE layers a layout describes, where a checkpoint has several: layers of another
/// place (Qwen3-Omni's talker), one of several routers that each block has, with its own experts
/// (ERNIE 4.5 VL's for text and for images), or another way to choose among the same experts
/// (DeepSeek-V4's for images).
///
/// @param prefixes what stands before a layer's index; empty for what is usual
/// @param router which of a block's routers it is, from 0
/// @param routers how many routers a block has; their experts are as many for each, and numbered
///   through
/// @param routerColumns the router's tensor inside the block where it is stored `[H, E]`, or null
///   where it is a linear layer
/// @param ofOthers tensors inside the block that only another stack has a use for
public record PartLayout(
    List<String> prefixes,
    int router,
    int routers,
    @Nullable String routerColumns,
    List<String> ofOthers) {
  /// The only stack, or the first.
  public static final PartLayout WHOLE = new PartLayout(List.of(), 0, 1, null, List.of());

  /// Checked numbers.
  ///
  /// @throws LayerException for a router that a block does not have
  public PartLayout {
    prefixes = List.copyOf(prefixes);
    ofOthers = List.copyOf(ofOthers);
    if (router < 0 || router >= routers) {
      throw new LayerException(
          String.format(Locale.ROOT, "there is no router %d among %d", router, routers));
    }
  }

  /// Layers of another place than usual.
  ///
  /// @param prefix what stands before a layer's index, with a dot at its end
  /// @return that place
  public static PartLayout in(String prefix) {
    return new PartLayout(List.of(prefix), 0, 1, null, List.of());
  }

  /// One of the routers of each block.
  ///
  /// @param router which of them, from 0
  /// @param routers how many there are
  /// @param columns its whole tensor's name inside the block, `[H, E]`, unquantised
  /// @return the router with its experts
  /// @throws LayerException for a router that there isn't
  public static PartLayout ofBlock(int router, int routers, String columns) {
    return new PartLayout(List.of(), router, routers, columns, List.of());
  }

  /// The router and the experts of another stack, with another part of the block in its place.
  ///
  /// @param others names of tensors inside the block that only that other stack has a use for
  /// @return the same blocks
  public static PartLayout without(String... others) {
    return new PartLayout(List.of(), 0, 1, null, List.of(others));
  }

  /// The number of the router's first expert in the block.
  ///
  /// @param experts of each router
  int firstExpert(int experts) {
    return Math.multiplyExact(router, experts);
  }

  /// How many experts the block has.
  ///
  /// @param experts of each router
  int storedExperts(int experts) {
    return Math.multiplyExact(routers, experts);
  }
}
