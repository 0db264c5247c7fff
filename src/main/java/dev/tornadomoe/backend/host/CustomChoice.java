package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.CustomGating;
import java.util.Locale;

/// A user's own routing, whose choice is checked before anybody indexes by it.
///
/// @param function the user's
record CustomChoice(CustomGating.RoutingFunction function) implements TokenGating {

  @Override
  public void choose(float[] logits, int key, int[] ids, float[] weights) {
    function.route(logits, ids, weights);
    for (int slot = 0; slot < ids.length; slot++) {
      int id = ids[slot];
      if (id < 0 || id >= logits.length) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "the routing function chose expert %d, expected 0 to %d",
                id,
                logits.length - 1));
      }
      for (int earlier = 0; earlier < slot; earlier++) {
        if (ids[earlier] == id) {
          throw new BackendException(
              String.format(
                  Locale.ROOT, "the routing function chose expert %d twice for one token", id));
        }
      }
    }
  }
}
