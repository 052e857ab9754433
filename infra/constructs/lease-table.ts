import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { LeaseAttribute } from '../../contract/wal-lease.ts';

/**
 * Who streams which cluster's WAL. A lease only spares two streamers each other's work: what fences one
 * of them off is the conditional write in the vault. So the table may be lost, and has no name of its
 * own: it outlives its stack, and the next one makes another.
 */
export class LeaseTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: LeaseAttribute.Cluster, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}
