package io.longhaul.planner.calibrate;

/** Symmetric positive definite systems. */
final class Cholesky {
    private Cholesky() {}

    /**
     * Replaces the lower triangle of a matrix by {@code L} with {@code L L^T} the matrix.
     *
     * @throws ArithmeticException if the matrix is not positive definite
     */
    static void factor(double[][] a) {
        for (int j = 0; j < a.length; j++) {
            double[] rowJ = a[j];
            for (int i = j; i < a.length; i++) {
                double[] rowI = a[i];
                double sum = rowI[j];
                for (int k = 0; k < j; k++) {
                    sum -= rowI[k] * rowJ[k];
                }
                if (i == j) {
                    if (!(sum > 0)) {
                        throw new ArithmeticException("matrix is not positive definite in row " + i);
                    }
                    rowI[j] = Math.sqrt(sum);
                } else {
                    rowI[j] = sum / rowJ[j];
                }
            }
        }
    }

    /** {@code x} with {@code L x = b}. */
    static double[] forward(double[][] root, double[] b) {
        double[] x = b.clone();
        for (int i = 0; i < x.length; i++) {
            double[] row = root[i];
            double sum = x[i];
            for (int k = 0; k < i; k++) {
                sum -= row[k] * x[k];
            }
            x[i] = sum / row[i];
        }
        return x;
    }

    /** {@code x} with {@code L L^T x = b}. */
    static double[] solve(double[][] root, double[] b) {
        double[] x = forward(root, b);
        for (int i = x.length - 1; i >= 0; i--) {
            x[i] /= root[i][i];
            for (int k = 0; k < i; k++) {
                x[k] -= root[i][k] * x[i];
            }
        }
        return x;
    }
}
