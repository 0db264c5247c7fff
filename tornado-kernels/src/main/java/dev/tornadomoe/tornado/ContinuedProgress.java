package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Progress;

/// Weights that are loaded after others.
///
/// @param progress hears of all of them
/// @param others bytes of those before
/// @param all bytes of all
record ContinuedProgress(Progress progress, long others, long all) implements Progress {
  @Override
  public void update(long done, long total) {
    progress.update(others + done, all);
  }
}
