package dev.tornadomoe.tornado;

import dev.tornadomoe.modular.ExpertPieces;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;

/// A layer's calls piece by piece, in a thread of their own: some of the rows are worked on while
/// others are on their way. For one call at a time.
final class DevicePieces implements AutoCloseable {
  private final ExecutorService thread = DeviceWork.ownThread();
  private final DeviceWork work = new DeviceWork(thread);
  private final List<Piece> pieces = new ArrayList<>();

  /// Rows that were begun with in the call that runs; 0 again when its last piece was begun.
  private int begun;

  /// Whether a call has run without pieces: it has found out what the device's thread is.
  private boolean hasRun;

  /// Rows that were begun with together.
  ///
  /// @param end behind the last of them
  /// @param count of what the thread was given
  private record Piece(int end, long count) {}

  /// Calls of a layer for some of its rows.
  interface RowRun {
    /// Notes their experts, which may be forgotten then.
    void choose(int first, int count);

    /// Returns when their results are there.
    void run(int first, int count);
  }

  /// A layer's experts.
  ///
  /// @param worthwhile rows of a piece
  ExpertPieces of(DeviceCalls device, int worthwhile, RowRun run) {
    return new ExpertPieces() {
      @Override
      public int worthwhileRows() {
        // Only a replay may follow one of another thread.
        return hasRun && !device.areBoundToThread() ? worthwhile : Integer.MAX_VALUE;
      }

      @Override
      public void begin(int first, int count) {
        if (first == 0) {
          start();
        }
        add(first, count, run);
      }

      @Override
      public void await(int rows) {
        DevicePieces.this.await(rows);
      }
    };
  }

  /// Another call begins: one that failed in the middle may have left its pieces.
  private void start() {
    work.settle();
    pieces.clear();
    begun = 0;
  }

  private void add(int first, int count, RowRun run) {
    if (first != begun) {
      throw new IllegalArgumentException(
          "a piece begins with row " + first + " where " + begun + " were begun with");
    }
    if (count > 0) {
      begun = first + count;
      run.choose(first, count);
      pieces.add(new Piece(begun, work.begin(() -> run.run(first, count))));
    }
  }

  private void await(int rows) {
    int end = 0;
    for (Piece piece : pieces) {
      if (end < rows) {
        work.await(piece.count());
      }
      end = piece.end();
    }
  }

  /// The experts' turn: begins with the rows that are left, or runs all of them where there were no
  /// pieces.
  void runRest(int rows, RowRun run) {
    if (begun == 0) {
      run.choose(0, rows);
      run.run(0, rows);
      hasRun = true;
    } else {
      add(begun, rows - begun, run);
      begun = 0;
    }
  }

  @Override
  public void close() {
    work.settle();
    thread.close();
  }
}
